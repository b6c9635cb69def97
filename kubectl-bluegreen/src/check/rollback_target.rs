//! Warns when the color that would be left could not take the traffic back.
//! Asks the other checks about that color; refuses nothing, for a broken color is a reason to leave it.

use super::{Check, Means, Question, Status, Verdict, pods_ready, ports, rolled_out, selector_shape};

pub(crate) const CHECK: Check = Check {
    id: "rollback-target",
    refuses: "nothing; warns when the color that is left would fail these checks, so that there is no way back",
    run,
};

const ASKED: [&Check; 4] = [&selector_shape::CHECK, &rolled_out::CHECK, &pods_ready::CHECK, &ports::CHECK];

fn run(question: &Question<'_>) -> Verdict {
    let Some(back) = question.set.base().filter(|active| *active != question.target) else {
        return Verdict::skip("the active Service leaves no other color");
    };
    let way_back = Question { target: back, way_back: true, means: Means::Selector, ..*question };
    let failed =
        ASKED.iter().find_map(|check| Some((check.run)(&way_back)).filter(|verdict| verdict.status == Status::Fail));
    match failed {
        None => Verdict::pass(format!("{back} could take the traffic back at once")),
        Some(verdict) => {
            let message = format!("there would be no way back to {back}: {}", verdict.message);
            Verdict::warn(message, format!("a rollback would be refused until {back} is well"))
        }
    }
}
