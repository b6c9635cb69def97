//! Refuses when the active Service would select other pods than exactly the target's.
//! Looks at labels only; whether the pods are healthy is for others.

use super::{Check, Means, Question, Verdict, pods};
use crate::observed::{self, deployment_of, has_ended, is_terminating, name, selector, template_labels, uid};
use bluegreen_lint::set::selects;

pub(super) const CHECK: Check = Check {
    id: "selector-shape",
    refuses: "the Service would select other pods than exactly those of the Deployment that is to serve",
    run,
};

fn run(question: &Question<'_>) -> Verdict {
    let Question { set, target, percent, means, .. } = *question;
    let (Some(service), Some(deployment)) = (set.active_service(), set.deployment(target)) else {
        return Verdict::skip("there is no active Service or no Deployment to look at");
    };
    let service_name = name(&service.metadata);
    if selector(service).is_empty() {
        return Verdict::fail(
            format!("service/{service_name} has no selector"),
            "its endpoints are made by somebody else; give it a selector first",
        );
    }
    if set.set.color_labels.is_empty() {
        return Verdict::fail(
            format!("no label tells the pods of the two colors of {} apart", set.name()),
            "give each Deployment's pod template a label with its color, and select it in the Service",
        );
    }
    if means == Means::Both {
        if let Err(reason) = set.widened() {
            return Verdict::fail(
                format!("service/{service_name} cannot select exactly the pods of both colors: {reason}"),
                "give both pod templates a label that no other pods have",
            );
        }
        if percent < 100 {
            return Verdict::pass("can select exactly the pods of both colors");
        }
    }
    let own = || (service_name, set.selector_for(target));
    let (service_name, wanted) = match set.color_service(target).filter(|_| means == Means::ColorService) {
        Some(service) => (name(&service.metadata), selector(service).clone()),
        None => own(),
    };
    let labels = template_labels(deployment);
    if let Some((key, value)) = wanted.iter().find(|(key, value)| labels.get(*key) != Some(*value)) {
        let has = labels.get(key).map_or("no such label".to_owned(), |has| format!("`{key}: {has}`"));
        return Verdict::fail(
            format!("the selector asks for `{key}: {value}` and the pods of {} have {has}", name(&deployment.metadata)),
            format!(
                "only the color is exchanged in a switch: take `{key}` out of the selector of service/{service_name}, or make it equal on both colors"
            ),
        );
    }
    let by_template = set.observed.deployments.items.iter().filter(|other| {
        other.metadata.namespace == deployment.metadata.namespace && other.metadata.name != deployment.metadata.name
    });
    if let Some(other) = by_template.into_iter().find(|other| selects(&wanted, template_labels(other))) {
        return too_wide(service_name, &format!("deployment/{}", name(&other.metadata)));
    }
    let own: std::collections::BTreeSet<String> = set.pods_of(target).map(uid).collect();
    let empty = observed::Labels::new();
    let selected =
        set.pods().filter(|pod| !has_ended(pod) && selects(&wanted, pod.metadata.labels.as_ref().unwrap_or(&empty)));
    let (mut count, mut seen) = (0, 0);
    for pod in selected {
        if !own.contains(&uid(pod)) {
            let owner =
                deployment_of(pod).map_or_else(|| "nobody's".to_owned(), |owner| format!("of deployment/{owner}"));
            return too_wide(service_name, &format!("pod/{} ({owner})", name(&pod.metadata)));
        }
        count += usize::from(!is_terminating(pod));
        seen += 1;
    }
    if seen < own.len() {
        return Verdict::fail(
            format!("the selector would miss {} of {}", pods(own.len() - seen), name(&deployment.metadata)),
            "older pods may carry other labels: wait until the rollout has ended",
        );
    }
    let called = name(&deployment.metadata);
    Verdict::pass(match count {
        0 => format!("would select the pods of {called} only, of which there are none"),
        _ => format!("selects exactly the {} of {called}", pods(count)),
    })
}

fn too_wide(service: &str, other: &str) -> Verdict {
    Verdict::fail(
        format!("service/{service} would also select {other}"),
        "give the selector a label that only this set's pods have",
    )
}
