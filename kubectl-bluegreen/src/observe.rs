//! Asks the cluster for everything that a command looks at: a few requests, as parallel as they can be.
//! Sends and decodes only; what the answers mean is for `observed` and those who ask it.

use std::collections::BTreeSet;
use std::time::Duration;

use bluegreen_lint::set::Declared;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::{Cluster, ClusterError, Failure, Listed, Request, Resource, Review};
use crate::journal::Journal;
use crate::observed::{Answered, MANAGED_BY, Observed, SetView, TOOL, lease_name, name};
use crate::plan::Selection;
use crate::rights::{Right, Rights, of_a_move, of_a_split};
use crate::routes::{self, Routes, UnknownKind, Why};

/// How many pods and `EndpointSlices` of a namespace are read before it is known which set is meant.
const FEW: u32 = 100;
/// How many rights are asked for one by one at most, and of how many namespaces.
const MAX_QUESTIONS: usize = 40;
/// How often, and after which pauses, it is asked again for a kind that should be there.
const ASKED_AGAIN: usize = 6;
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// The one kind of route that every cluster has: what was written in it is never gone with the kind.
const ALWAYS_SERVED: Resource = Resource::Ingresses;
/// How many namespaces are read at once where not all of them may be listed together.
const NAMESPACES_AT_ONCE: usize = 8;

/// Asks for everything in a namespace, or in all of them, all at once. `declared` are the sets that settings name.
pub async fn observe<C: Cluster>(
    cluster: &C,
    namespace: Option<&str>,
    declared: &[Declared],
) -> Result<Observed, ClusterError> {
    look(cluster, namespace, declared, None).await
}

/// Asks as `observe` does for what is to be known of one set. Where there are many pods or `EndpointSlices` in its namespace,
/// only those are seen that can belong to it.
pub async fn observe_set<C: Cluster>(
    cluster: &C,
    selection: &Selection,
    declared: &[Declared],
) -> Result<Observed, ClusterError> {
    look(cluster, Some(&selection.namespace), declared, Some(selection)).await
}

async fn look<C: Cluster>(
    cluster: &C,
    namespace: Option<&str>,
    declared: &[Declared],
    selection: Option<&Selection>,
) -> Result<Observed, ClusterError> {
    let all = |resource| Request::list(resource, namespace);
    let some = |resource| {
        let (namespace, limit) = (namespace.map(str::to_owned), selection.map(|_| FEW));
        Request::List { resource, namespace, labels: None, since: None, limit }
    };
    let own = Request::labelled(Resource::Leases, namespace, format!("{MANAGED_BY}={TOOL}"));
    // Each answer is decoded as soon as it is there, while others are on their way.
    let (deployments, services, pods, slices, leases, rights, autoscalers, of_routes) = tokio::join!(
        async { cluster.list(&all(Resource::Deployments)).await },
        async { cluster.list(&all(Resource::Services)).await },
        async { cluster.list(&some(Resource::Pods)).await },
        async { cluster.list(&some(Resource::EndpointSlices)).await },
        cluster.list(&own),
        rules(cluster, namespace),
        async { optional(cluster.list(&all(Resource::HorizontalPodAutoscalers)).await).map(Result::ok) },
        futures_util::future::join_all(routes::KINDS.map(async |kind| cluster.list(&all(kind)).await)),
    );
    let failed = [
        deployments.as_ref().err(),
        services.as_ref().err(),
        pods.as_ref().err(),
        slices.as_ref().err(),
        leases.as_ref().err(),
    ];
    if let Some(denied) = forbidden(failed.into_iter().flatten()) {
        return Err(denied);
    }
    let mut observed = Observed {
        at: cluster.now(),
        deployments: deployments?,
        services: services?,
        pods: pods?,
        slices: slices?,
        leases: leases?,
        routes: read_routes(of_routes)?,
        autoscalers: autoscalers?,
        rights: namespace.map(str::to_owned).into_iter().zip(rights).collect(),
        declared: declared.to_vec(),
        ..Observed::default()
    };
    ask_for_written(cluster, namespace, &mut observed).await?;
    if let Some(selection) = selection {
        ask_for_own(cluster, selection, &mut observed).await?;
    }
    ask_for_the_rest(cluster, &mut observed, selection).await;
    Ok(observed)
}

/// Asks for the pods and `EndpointSlices` of the set that is meant, where the namespace has more of them than were read.
async fn ask_for_own<C: Cluster>(
    cluster: &C,
    selection: &Selection,
    observed: &mut Observed,
) -> Result<(), ClusterError> {
    if !observed.pods.has_more && !observed.slices.has_more {
        return Ok(());
    }
    // Who finds no set here finds none later, and then nobody asks for its pods.
    let Ok(set) = selection.find(observed) else { return Ok(()) };
    let list = |resource, labels| Request::labelled(resource, Some(&selection.namespace), labels);
    let labels = set.common_labels().iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
    let of_pods = observed.pods.has_more.then(|| list(Resource::Pods, labels.join(",")));
    let services = set.services().map(|service| name(&service.metadata)).collect::<Vec<_>>();
    let of_services = format!("kubernetes.io/service-name in ({})", services.join(","));
    let of_slices =
        (observed.slices.has_more && !services.is_empty()).then(|| list(Resource::EndpointSlices, of_services));
    let (pods, slices) = tokio::try_join!(listed(cluster, of_pods), listed(cluster, of_slices))?;
    if let Some(pods) = pods {
        observed.pods = pods;
    }
    if let Some(slices) = slices {
        observed.slices = slices;
    }
    Ok(())
}

/// The list that is asked for, if one is.
async fn listed<C: Cluster, T: DeserializeOwned>(
    cluster: &C,
    asked: Option<Request>,
) -> Result<Option<Listed<T>>, ClusterError> {
    match asked {
        Some(request) => cluster.list(&request).await.map(Some),
        None => Ok(None),
    }
}

/// Asks again for kinds that are not served and in which a share was written: an API server that has just begun does not know
/// all kinds yet, and what is there must not be taken for gone.
async fn ask_for_written<C: Cluster>(
    cluster: &C,
    namespace: Option<&str>,
    observed: &mut Observed,
) -> Result<(), ClusterError> {
    let journals = observed.services.items.iter().filter_map(|service| Journal::of(service).ok());
    let journals: Vec<Journal> = journals.collect();
    let ongoing = || journals.iter().filter_map(Journal::ongoing);
    let is_written = |kind: Resource| ongoing().any(|entry| entry.before.has_routes_of(kind.kind()));
    let missed = |routes: &Routes| -> Vec<Resource> {
        let is_missed = |unknown: &&UnknownKind| unknown.reason == Why::NotServed && is_written(unknown.kind);
        routes.unknown.iter().filter(is_missed).map(|unknown| unknown.kind).collect()
    };
    for _ in 0..ASKED_AGAIN {
        let missed = missed(&observed.routes);
        if missed.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
        for kind in missed {
            let list = cluster.list(&Request::list(kind, namespace)).await;
            let Ok(list) = optional(list)? else { continue };
            observed.know(kind, &list.items);
        }
    }
    if missed(&observed.routes).contains(&ALWAYS_SERVED) {
        return Err(ClusterError {
            request: Request::list(ALWAYS_SERVED, namespace).to_string(),
            failure: Failure::Unavailable,
            message: format!("the API server does not serve {ALWAYS_SERVED} now, in which a share was written"),
        });
    }
    Ok(())
}

/// Asks what else a command wants to know, all at once, and again as long as the answers lead to more questions.
///
/// # Errors
/// A failure that may be over in a moment. Any other is an answer.
pub async fn ask<C: Cluster>(
    cluster: &C,
    observed: &mut Observed,
    asks: impl Fn(&Observed) -> Vec<Request>,
) -> Result<(), ClusterError> {
    loop {
        let requests = asks(observed);
        if requests.is_empty() {
            return Ok(());
        }
        observed.answers.extend(answers(cluster, requests).await?);
    }
}

/// The answers to some questions, asked all at once.
///
/// # Errors
/// A failure that may be over in a moment. Any other is an answer.
pub async fn answers<C: Cluster>(cluster: &C, requests: Vec<Request>) -> Result<Vec<Answered>, ClusterError> {
    let answers = futures_util::future::join_all(requests.iter().map(|request| cluster.send(request))).await;
    let answered = requests.into_iter().zip(answers).map(|(request, answer)| match answer {
        Err(error) if error.is_passing() => Err(error),
        answer => Ok((request, answer)),
    });
    answered.collect()
}

/// What was seen of a cluster, and how much of it that is.
#[derive(Debug)]
pub struct Everywhere {
    /// What was seen.
    pub observed: Observed,
    /// What could not be seen, in one sentence; nothing when that was everything.
    pub limited: Option<String>,
}

/// Asks for everything in all namespaces that one may see; `own` counts where they may not even be listed.
pub async fn everywhere<C: Cluster>(cluster: &C, own: &str, declared: &[Declared]) -> Result<Everywhere, ClusterError> {
    let whole = match observe(cluster, None, declared).await {
        Err(error) if error.failure == Failure::Forbidden => error,
        answer => {
            let mut observed = answer?;
            ask_for_rules(cluster, &mut observed).await;
            return Ok(Everywhere { observed, limited: None });
        }
    };
    let namespaces = Request::list(Resource::Namespaces, None);
    let names = match cluster.send(&namespaces).await {
        Ok(list) => names(&list),
        Err(error) if error.failure == Failure::Forbidden => vec![own.to_owned()],
        Err(error) => return Err(error),
    };
    let all = names.len();
    let each = futures_util::stream::iter(
        names.into_iter().map(|name| async move { observe(cluster, Some(&name), declared).await }),
    );
    let answers: Vec<_> = each.buffered(NAMESPACES_AT_ONCE).collect().await;
    let mut seen: Vec<Observed> = Vec::new();
    for answer in answers {
        match answer {
            Err(error) if error.failure == Failure::Forbidden => {}
            answer => seen.push(answer?),
        }
    }
    let count = seen.len();
    let observed = seen.into_iter().reduce(Observed::and).ok_or_else(|| whole.clone())?;
    let limited = if all == 1 {
        format!("only namespace {own} was looked at: {whole}")
    } else {
        format!("{count} of {all} namespaces could be looked at: {whole}")
    };
    Ok(Everywhere { observed, limited: Some(limited) })
}

/// The names of the objects of an answered list.
pub(crate) fn names(list: &Value) -> Vec<String> {
    let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| Some(item.pointer("/metadata/name")?.as_str()?.to_owned())).collect()
}

/// What the authorizers that work with rules allow. A server that does not say is no failure.
async fn rules<C: Cluster>(cluster: &C, namespace: Option<&str>) -> Option<Rights> {
    let spec = json!({"namespace": namespace?});
    let review = cluster.send(&Request::Review { review: Review::Rules, spec }).await.ok()?;
    Some(Rights::of(&review))
}

/// Asks for the rules of each namespace that has a set, where all of them were read together.
async fn ask_for_rules<C: Cluster>(cluster: &C, observed: &mut Observed) {
    let namespaces: BTreeSet<String> = observed.sets().iter().map(|set| set.namespace().to_owned()).collect();
    // With so many of them it stays unknown: the API server decides when it comes to a move.
    if namespaces.len() > MAX_QUESTIONS {
        return;
    }
    let ask = async |namespace: &String| rules(cluster, Some(namespace)).await;
    let answers = futures_util::future::join_all(namespaces.iter().map(ask)).await;
    let known = namespaces.iter().zip(answers).filter_map(|(namespace, rights)| Some((namespace.clone(), rights?)));
    observed.rights.extend(known);
    ask_for_the_rest(cluster, observed, None).await;
}

/// Asks one by one for what no rule allows, for the set that is meant or for all of them: other authorizers may.
async fn ask_for_the_rest<C: Cluster>(cluster: &C, observed: &mut Observed, selection: Option<&Selection>) {
    if observed.rights.is_empty() {
        return;
    }
    let sets = match selection {
        Some(selection) => selection.find(observed).into_iter().collect(),
        None => observed.sets(),
    };
    let needed = |set: &SetView<'_>| {
        let service = name(&set.active_service()?.metadata);
        let of_routes = of_a_split(&observed.routes, set.namespace(), service);
        let needed = of_a_move(service, &lease_name(service)).into_iter().chain(of_routes);
        let rights = observed.rights.get(set.namespace())?;
        let unknown = needed.filter(|right| rights.allows(right).is_none());
        Some(unknown.map(|right| (set.namespace().to_owned(), right)).collect::<Vec<_>>())
    };
    let unknown: BTreeSet<(String, Right)> = sets.iter().filter_map(needed).flatten().collect();
    if unknown.is_empty() || unknown.len() > MAX_QUESTIONS {
        return;
    }
    let ask = async |(namespace, right): &(String, Right)| {
        cluster.send(&Request::Review { review: Review::Access, spec: right.review(namespace) }).await.ok()
    };
    let answers = futures_util::future::join_all(unknown.iter().map(ask)).await;
    for ((namespace, right), review) in unknown.into_iter().zip(answers) {
        if let Some(rights) = observed.rights.get_mut(&namespace) {
            rights.answer(right, &review.unwrap_or_default());
        }
    }
}

/// Asks one by one for those of some rights that no rule allows: other authorizers may.
pub async fn ask_for<C: Cluster>(cluster: &C, observed: &mut Observed, namespace: &str, needed: &[Right]) {
    let Some(rights) = observed.rights.get_mut(namespace) else { return };
    let unknown: Vec<&Right> = needed.iter().filter(|right| rights.allows(right).is_none()).collect();
    let ask = async |right: &&Right| {
        cluster.send(&Request::Review { review: Review::Access, spec: right.review(namespace) }).await.ok()
    };
    let answers = futures_util::future::join_all(unknown.iter().map(ask)).await;
    for (right, review) in unknown.into_iter().zip(answers) {
        rights.answer(right.clone(), &review.unwrap_or_default());
    }
}

/// The requests that are not allowed, as one: whoever may not do one of them wants to know of all.
fn forbidden<'e>(errors: impl Iterator<Item = &'e ClusterError>) -> Option<ClusterError> {
    let mut denied = errors.filter(|error| error.failure == Failure::Forbidden);
    let first = denied.next()?.clone();
    let others: Vec<&str> = denied.map(|error| error.request.as_str()).collect();
    let request = std::iter::once(first.request.as_str()).chain(others).collect::<Vec<_>>().join(", ");
    Some(ClusterError { request, ..first })
}

/// Reads that are optional: not allowed, or not served, means unknown.
fn optional<T>(answer: Result<T, ClusterError>) -> Result<Result<T, Why>, ClusterError> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match error.failure {
            Failure::Forbidden => Ok(Err(Why::NotAllowed)),
            Failure::NotFound => Ok(Err(Why::NotServed)),
            _ => Err(error),
        },
    }
}

fn read_routes(answers: Vec<Result<Listed<Value>, ClusterError>>) -> Result<Routes, ClusterError> {
    let mut found = Routes::default();
    for (kind, answer) in routes::KINDS.into_iter().zip(answers) {
        match optional(answer)? {
            Ok(list) => found.known.extend(routes::read(kind, &list.items)),
            Err(reason) => found.unknown.push(UnknownKind { kind, reason }),
        }
    }
    Ok(found)
}
