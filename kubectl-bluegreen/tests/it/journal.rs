//! The journal as others see it: the history that people and programs read, what a newer version has added, and what
//! somebody has tampered with.

use std::time::Duration;

use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::cmd::history::History;
use kubectl_bluegreen::observe::observe;
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, Ran, run, run_as};

const KEY: &str = "kubectl-bluegreen.dev/journal";

fn journal(cluster: &SimulatedCluster) -> Value {
    let service = cluster.object(&NAMINGS[0].service(NAMESPACE)).unwrap();
    serde_json::from_str(service["metadata"]["annotations"][KEY].as_str().unwrap()).unwrap()
}

fn write(cluster: &SimulatedCluster, text: &str) {
    cluster.edit(&NAMINGS[0].service(NAMESPACE), |service| service["metadata"]["annotations"][KEY] = text.into());
}

/// Who moved what, when, from where to where, with which images, what was accepted, and how it ended.
#[tokio::test(start_paused = true)]
async fn history_tells_the_whole_story() {
    let cluster = cluster(NAMINGS[0]).await;
    let holder = Holder { host: "host".to_owned(), ..Holder::current(Some("tester".to_owned())) };
    let moves =
        async |line: &str| -> Ran { run_as(&cluster, NAMESPACE, line, holder.clone()).await.expect(ExitStatus::Done) };
    moves("switch green --yes").await;
    cluster.edit(&NAMINGS[0].service(NAMESPACE), |service| service["spec"]["ports"][0]["targetPort"] = "web".into());
    moves("rollback --yes --accept ports,drain").await;
    cluster.edit(&NAMINGS[0].service(NAMESPACE), |service| service["spec"]["ports"][0]["targetPort"] = "http".into());
    moves("switch green --yes").await;
    // As if that one had been cut off.
    let mut cut = journal(&cluster);
    cut["entries"][2]["phase"] = "moving".into();
    cut["entries"][2]["result"] = Value::Null;
    write(&cluster, &cut.to_string());
    let observed = observe(&cluster, Some(NAMESPACE), &[]).await.unwrap();
    let history = History::new(&observed.sets()[0], 0).unwrap();
    let tables = [(false, None), (true, None), (false, Some(60))].map(|(wide, columns)| history.table(wide, columns));
    assert!(tables[2].lines().all(|line| line.chars().count() <= 60), "{}", tables[2]);
    insta::assert_snapshot!(tables.join("\n"));

    let answer = run(&cluster, NAMESPACE, "history -o json").await.expect(ExitStatus::Done).json();
    let entry = &answer["entries"][1];
    assert_eq!(
        (&entry["from"], &entry["to"], &entry["accepted"]),
        (&json!("green"), &json!("blue"), &json!(["ports"]))
    );
    assert_eq!(
        (&entry["command"], &entry["by"], &entry["result"]),
        (&json!("rollback"), &json!("tester@host"), &json!("done"))
    );
    assert_eq!(entry["images"], json!({"blue": ["registry.local/bgapp:1"], "green": ["registry.local/bgapp:2"]}));
    assert_eq!((&entry["replicas"], &answer["entries"][2]["result"]), (&json!({"blue": 2, "green": 2}), &Value::Null));
}

/// What a newer version has added stays through the moves of this one.
#[tokio::test(start_paused = true)]
async fn what_a_newer_version_added_survives_moves() {
    let cluster = cluster(NAMINGS[0]).await;
    run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    let mut newer = journal(&cluster);
    newer["ticket"] = json!({"id": 7});
    newer["entries"][0]["approvedBy"] = "eve".into();
    write(&cluster, &newer.to_string());
    run(&cluster, NAMESPACE, "rollback --yes").await.expect(ExitStatus::Done);
    let after = journal(&cluster);
    assert_eq!((&after["ticket"], &after["entries"][0]), (&newer["ticket"], &newer["entries"][0]));
    assert_eq!(after["entries"].as_array().unwrap().len(), 2);
    let answer = run(&cluster, NAMESPACE, "history -o json").await.expect(ExitStatus::Done).json();
    assert_eq!(answer["entries"][0]["approvedBy"], "eve");
}

/// However often traffic moves, the journal stays within its bounds.
#[tokio::test(start_paused = true)]
async fn the_journal_is_bounded() {
    let cluster = cluster(NAMINGS[0]).await;
    for round in 0..25 {
        let color = if round % 2 == 0 { "green" } else { "blue" };
        run(&cluster, NAMESPACE, &format!("switch {color} --yes")).await.expect(ExitStatus::Done);
    }
    assert_eq!(journal(&cluster)["entries"].as_array().unwrap().len(), 20);
    assert!(journal(&cluster).to_string().len() < 16 << 10);
}

/// What somebody else wrote there is reported by everybody, believed by nobody, and never reaches a terminal as it is.
#[tokio::test(start_paused = true)]
async fn a_tampered_journal_is_reported_and_not_believed() {
    let moved = cluster(NAMINGS[0]).await;
    run(&moved, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    let good = journal(&moved);
    let with = |change: fn(&mut Value)| {
        let mut tampered = good.clone();
        change(&mut tampered["entries"][0]);
        tampered.to_string()
    };
    let newer = "it has format 9";
    let texts = [
        ("it was blue\u{1b}[2J".to_owned(), "cannot be read"),
        (with(|entry| entry["from"] = "red\u{1b}[31m".into()), "is no color"),
        (with(|entry| entry["by"] = "root\u{1b}]0;owned\u{7}".into()), "has what is no name"),
        (with(|entry| entry["split"] = json!({"blue": 100, "green": 100})), "sum to 200"),
        (r#"{"version": 9, "entries": "elsewhere"}"#.to_owned(), newer),
    ];
    for (text, words) in texts {
        write(&moved, &text);
        let before = moved.object(&NAMINGS[0].service(NAMESPACE));
        for line in ["rollback --yes", "switch blue --yes", "cleanup blue --yes", "check", "history", "deploy 3 --yes"]
        {
            let ran = run(&moved, NAMESPACE, line).await.expect(ExitStatus::Refused);
            let help = if words == newer { "newer version" } else { "kubectl annotate service" };
            assert!(ran.err.contains(words) && ran.err.contains(help), "{line}: {}", ran.err);
            assert!(!ran.err.contains('\u{1b}') && !ran.err.contains('\u{7}'), "{line}: {:?}", ran.err);
        }
        let ran = run(&moved, NAMESPACE, "status").await.expect(ExitStatus::Done);
        assert!(ran.out.contains("cannot be read") && !ran.out.contains('\u{7}'), "{}", ran.out);
        let status = run(&moved, NAMESPACE, "status -o json").await.json();
        assert_eq!((&status["canSwitch"], &status["canRollback"]), (&json!(false), &json!(false)), "{text}");
        assert_eq!(moved.object(&NAMINGS[0].service(NAMESPACE)), before, "{text}");
    }
}

/// A move that is far ahead by its own clock was written by another clock. How long ago it was is not known: said so, and
/// neither waited for without an end nor passed over.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_ahead_is_named_and_not_waited_for() {
    let cluster = cluster(NAMINGS[0]).await;
    run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    let mut future = journal(&cluster);
    future["entries"][0]["at"] = "2099-01-01T00:00:00Z".into();
    write(&cluster, &future.to_string());
    let ran = run(&cluster, NAMESPACE, "status").await.expect(ExitStatus::Done);
    assert!(ran.out.contains("d ahead of this machine's clock by tester@"), "{}", ran.out);
    let ran = run(&cluster, NAMESPACE, "cleanup blue --yes").await.expect(ExitStatus::Refused);
    assert!(ran.err.contains("--after 0s"), "{}", ran.err);
    run(&cluster, NAMESPACE, "cleanup blue --yes --after 0s").await.expect(ExitStatus::Done);
    // A clock that is a little ahead costs a little more patience.
    run(&cluster, NAMESPACE, "rollback --yes --scale").await.expect(ExitStatus::Done);
    let mut ahead = journal(&cluster);
    let at: jiff::Timestamp = ahead["entries"][1]["at"].as_str().unwrap().parse().unwrap();
    ahead["entries"][1]["at"] = (at + Duration::from_secs(20)).to_string().into();
    write(&cluster, &ahead.to_string());
    let began = tokio::time::Instant::now();
    run(&cluster, NAMESPACE, "cleanup green --yes").await.expect(ExitStatus::Done);
    assert!((40..80).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
