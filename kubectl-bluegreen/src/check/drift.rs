//! Warns of what differs between the two live Deployments and is not meant to: the linter's rules, on live objects.
//! Image, color and versions are meant to differ; replicas where one color has none, or an autoscaler decides.

use super::{Check, Question, Verdict};
use crate::drift::differences;

pub(super) const CHECK: Check = Check {
    id: "drift",
    refuses: "nothing; warns of what the linter's drift rules say of the two live Deployments",
    run,
};

fn run(question: &Question<'_>) -> Verdict {
    let differences = differences(question.set, false);
    let help = "look at them: kubectl bluegreen diff";
    match differences.as_slice() {
        [] => Verdict::pass("the colors differ only in what is meant to differ"),
        [one] => Verdict::warn(one.message.clone(), help),
        [first, rest @ ..] => Verdict::warn(format!("{}; and {} more", first.message, rest.len()), help),
    }
}
