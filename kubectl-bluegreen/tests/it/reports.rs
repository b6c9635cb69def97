//! The page that `--report` writes: true however the command ends, harmless whatever it shows, and nobody's business else.

use std::path::Path;
use std::time::Duration;

use kubectl_bluegreen::check;
use kubectl_bluegreen::cluster::simulated::{Behaviour, Fault, SimulatedCluster};
use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use kubectl_bluegreen::process::Holder;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::simulated::{NAMESPACE, cluster};
use super::split_faults::{By, routed};
use super::steps::watched;
use super::world::{NAMINGS, Naming, Ran, run, run_until, run_with};

const NAMING: Naming = NAMINGS[0];

/// A folder for the page, and the page.
struct Paper(TempDir);

impl Paper {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A command line that writes it.
    fn line(&self, line: &str) -> String {
        format!("{line} --report {}", self.0.path().join("page.html").display())
    }

    /// The page: whole, well-formed, and with nothing that is loaded or run.
    #[track_caller]
    fn read(&self) -> String {
        let files: Vec<_> = self.0.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["page.html"], "nothing else is left");
        let page = std::fs::read_to_string(self.0.path().join("page.html")).unwrap();
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
        let tree = roxmltree::Document::parse_with_options(&page, options).unwrap();
        for element in tree.descendants().filter(roxmltree::Node::is_element) {
            let (name, mut attributes) = (element.tag_name().name(), element.attributes());
            assert!(!["script", "link", "img", "iframe", "a", "image", "use", "object"].contains(&name), "{name}");
            assert!(attributes.all(|attribute| !attribute.name().starts_with("on") && attribute.name() != "href"));
        }
        page
    }

    /// What the page says, without its markup.
    #[track_caller]
    fn words(&self) -> String {
        let page = self.read();
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
        let tree = roxmltree::Document::parse_with_options(&page, options).unwrap();
        let main = tree.descendants().find(|node| node.has_tag_name("main")).unwrap();
        main.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect::<Vec<_>>().join(" ")
    }
}

#[track_caller]
fn says(words: &str, what: &[&str]) {
    for what in what {
        assert!(words.contains(what), "{what}: {words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_is_told_as_it_was() {
    let (cluster, paper) = (cluster(NAMING).await, Paper::new());
    run(&cluster, NAMESPACE, &paper.line("switch green --yes")).await.expect(ExitStatus::Done);
    let words = paper.words();
    let passed = format!("{} other checks pass", check::ALL.len() - 1);
    says(&words, &["✓ Done", "green serves.", "tester@", "2026-01-01 09:10:00 UTC", "Exit status 0", &passed]);
    says(&words, &["wait until exactly the ready pods of green are the endpoints", "✓ ok", "rolled-out"]);
    run(&cluster, NAMESPACE, &paper.line("switch green --yes")).await.expect(ExitStatus::Done);
    says(&paper.words(), &["✓ Nothing to do"]);
    run(&cluster, NAMESPACE, &paper.line("switch blue --dry-run client")).await.expect(ExitStatus::Done);
    says(&paper.words(), &["Dry run: nothing was changed", "Planned, and not reached"]);
    run(&cluster, NAMESPACE, &paper.line("rollback --yes")).await.expect(ExitStatus::Done);
    says(&paper.words(), &["✓ Done", "blue serves."]);
}

/// A share that is made of pods changes without a write to the Service.
#[tokio::test(start_paused = true)]
async fn every_share_of_pods_is_in_the_picture() {
    let (cluster, paper) = (cluster(NAMING).await, Paper::new());
    let line = "deploy 3 --yes --router replicas --steps 33,50,100 --soak 10s --after 0s";
    run(&cluster, NAMESPACE, &paper.line(line)).await.expect(ExitStatus::Done);
    let page = paper.read();
    for share in ["33 %", "50 %", "100 %"] {
        assert!(page.contains(&format!("{share}</text>")), "{share}: {page}");
    }
}

/// Refused, declined, not there in time, cut off, and taken over by somebody else.
#[tokio::test(start_paused = true)]
async fn no_bad_end_looks_like_a_good_one() {
    let paper = Paper::new();
    let ends = |ran: Ran, status: ExitStatus, word: &str| {
        ran.expect(status);
        let words = paper.words();
        says(&words, &[word, &format!("Exit status {}", status as u8)]);
        assert!(!words.contains("✓ Done") && !words.contains("serves."), "{words}");
    };
    let start = cluster(NAMING).await;
    ends(run(&start, NAMESPACE, &paper.line("rollback --yes")).await, ExitStatus::Refused, "✗ Refused");
    ends(run(&start, NAMESPACE, &paper.line("switch green")).await, ExitStatus::Failed, "✗ Failed");
    ends(run(&start, NAMESPACE, &paper.line("switch green --app no --yes")).await, ExitStatus::Failed, "✗ Failed");
    let green = ObjectRef::new(Resource::Deployments, NAMESPACE, NAMING.green);
    start.edit(&green, |green| green["spec"]["replicas"] = 0.into());
    start.settle(Duration::from_hours(1)).await;
    ends(run(&start, NAMESPACE, &paper.line("switch green --yes")).await, ExitStatus::Refused, "✗ FAIL");

    let start = cluster(NAMING).await;
    start.behave("bgapp:3", Behaviour { becomes_ready: false, ..Behaviour::default() });
    let line = paper.line("deploy 3 --yes --timeout 20s");
    ends(run(&start, NAMESPACE, &line).await, ExitStatus::TimedOut, "✗ Not there in time");

    let start = cluster(NAMING).await;
    let signal = tokio::time::sleep(Duration::from_secs(1));
    let line = paper.line("switch green --yes --settle 30s");
    ends(run_until(&start, NAMESPACE, &line, Holder::default(), signal).await, ExitStatus::Interrupted, "✗ Cut off");
    says(&paper.words(), &["the selector of service/api-gateway-service-active has moved to green"]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_was_put_back_shows_its_curve() {
    let (cluster, _) = routed(By::Gateway, NAMING).await;
    cluster.give_users(NAMING.service(NAMESPACE));
    cluster.behave("bgapp:3", Behaviour { error_rate: 0.3, ..Behaviour::default() });
    let paper = Paper::new();
    let line = paper.line("deploy 3 --yes --steps 10,50,100 --soak 30s --after 0s");
    run_with(&cluster, NAMESPACE, &line, watched()).await.expect(ExitStatus::PutBack);
    let words = paper.words();
    says(
        &words,
        &[
            "✗ Failed, and put back",
            "all traffic was put back on blue",
            "error rate",
            "limit 0.05",
            "green 0 %",
            "10 %",
        ],
    );
    says(&words, &["registry.local/bgapp:3, before registry.local/bgapp:2", "GET /healthz", "Exit status 4"]);
}

/// Names and words of others, in every place where they are shown.
#[tokio::test(start_paused = true)]
async fn what_others_wrote_is_no_markup() {
    const EVIL: &str = "\"'><script>alert(1)</script>&amp;\u{1b}[2J\u{202e}";
    let (cluster, paper) = (cluster(NAMING).await, Paper::new());
    let green = ObjectRef::new(Resource::Deployments, NAMESPACE, NAMING.green);
    let image = format!("registry.local/{EVIL}:2");
    cluster.edit(&green, |green| green["spec"]["template"]["spec"]["containers"][0]["image"] = image.into());
    cluster.settle(Duration::from_hours(1)).await;
    let service = NAMING.service(NAMESPACE);
    let manager = json!([{"manager": EVIL, "operation": "Update", "fieldsV1": {"f:spec": {"f:selector": {}}}}]);
    cluster.edit(&service, |service| service["metadata"]["managedFields"] = manager);
    let holder =
        Holder { user: EVIL.split('\u{1b}').next().unwrap().to_owned(), host: "<b>".to_owned(), ..Holder::default() };
    let never = std::future::pending();
    let ran = run_until(&cluster, NAMESPACE, &paper.line("switch green --yes"), holder, never).await;
    ran.expect(ExitStatus::Done);
    let page = paper.read();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;") && !page.contains("<script"), "{page}");
    assert!(page.contains("\\u202e") && !page.contains('\u{202e}') && !page.contains('\u{1b}'), "{page}");
}

/// The same requests, the same steps, and the same end, with a page and without one.
#[tokio::test(start_paused = true)]
async fn a_page_changes_nothing() {
    for (line, error_rate) in [
        ("switch green --yes", 0.0),
        ("deploy 3 --yes --steps 10,100 --soak 10s --after 0s", 0.0),
        ("deploy 3 --yes --steps 10,100 --soak 10s --after 0s", 0.3),
    ] {
        let paper = Paper::new();
        let play = async |line: &str| {
            let (cluster, _) = routed(By::Gateway, NAMING).await;
            cluster.give_users(NAMING.service(NAMESPACE));
            cluster.behave("bgapp:3", Behaviour { error_rate, ..Behaviour::default() });
            let ran = run_with(&cluster, NAMESPACE, &format!("{line} -o json"), watched()).await;
            // Which of two watches is sent first is left to chance.
            let log: Vec<String> = cluster.log().into_iter().filter(|request| !request.starts_with("watch")).collect();
            (log, ran.status, ran.json(), ran.err)
        };
        let (without, with) = (play(line).await, play(&paper.line(line)).await);
        assert_eq!((&with.0, with.1, &with.2), (&without.0, without.1, &without.2));
        assert_eq!(
            with.3.lines().filter(|line| !line.starts_with("the page about it")).collect::<Vec<_>>(),
            without.3.lines().collect::<Vec<_>>()
        );
        paper.read();
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_written_is_refused_before_anything_is_asked() {
    let cluster = cluster(NAMING).await;
    let (before, folder) = (cluster.log(), tempfile::tempdir().unwrap());
    for path in [folder.path().join("no/page.html"), folder.path().to_owned(), Path::new("/dev/full").to_owned()] {
        let line = format!("switch green --yes --report {}", path.display());
        let ran = run(&cluster, NAMESPACE, &line).await.expect(ExitStatus::Usage);
        assert!(ran.err.contains("--report: cannot write") && ran.err.contains("nothing was changed"), "{}", ran.err);
    }
    assert_eq!(cluster.log(), before);
}

/// Whoever goes back waits for no page.
#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_written_holds_up_no_rollback() {
    let (cluster, folder) = (cluster(NAMING).await, tempfile::tempdir().unwrap());
    run(&cluster, NAMESPACE, "switch green --yes").await.expect(ExitStatus::Done);
    let line = format!("rollback --yes --report {}", folder.path().join("no/page.html").display());
    let ran = run(&cluster, NAMESPACE, &line).await.expect(ExitStatus::Done);
    assert!(ran.err.contains("warning: --report: cannot write") && ran.err.contains("without the page"), "{}", ran.err);
    assert!(ran.out.contains("done: blue serves"), "{}", ran.out);
}

/// A share is drawn from when it is given: that a route names the color gives it none yet.
#[tokio::test(start_paused = true)]
async fn a_share_is_drawn_from_when_it_is_given() {
    let ((cluster, _), paper) = (routed(By::Gateway, NAMING).await, Paper::new());
    // Some time between the naming and the share.
    cluster.inject_into("patch httproute/shop", Fault::Delay(Duration::from_secs(2)));
    let line = paper.line("switch green 10 --yes --settle 10s");
    run(&cluster, NAMESPACE, &line).await.expect(ExitStatus::Done);
    let page = paper.read();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let tree = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let wide = tree.descendants().find(|node| node.attribute("class") == Some("wide")).unwrap();
    let label = wide.descendants().find(|node| node.text().is_some_and(|text| text.ends_with("10 %"))).unwrap();
    let drawn = (label.attribute("x").unwrap().parse::<f64>().unwrap() - 46.0) / (720.0 - 46.0 - 16.0);
    let ends = |title: &str| {
        let step = tree
            .descendants()
            .find(|node| {
                node.has_tag_name("li")
                    && node.descendants().any(|word| word.text().is_some_and(|text| text.contains(title)))
            })
            .unwrap();
        let style = step.descendants().find_map(|node| node.attribute("style")).unwrap();
        let numbers: Vec<f64> = style.split([':', '%']).filter_map(|part| part.parse().ok()).collect();
        numbers.iter().sum::<f64>() / 100.0
    };
    let (named, given) = (ends("at weight 0"), ends("10 % to service/"));
    assert!(given > named + 0.005 && (drawn - given).abs() < 0.003, "{named} {given} {drawn}");
}

/// Until the end is known the page says so, which is what stays after a kill; and when it cannot be written any more, that
/// is said, and the move ends as it would have.
#[tokio::test(start_paused = true)]
async fn the_end_is_the_moves_own() {
    let (cluster, paper) = (cluster(NAMING).await, Paper::new());
    let path = paper.0.path().to_owned();
    let meanwhile = move |_: &SimulatedCluster| {
        let page = std::fs::read_to_string(path.join("page.html")).unwrap();
        assert!(page.contains("Not ended") && page.contains("kubectl bluegreen status"), "{page}");
        std::fs::remove_dir_all(&path).unwrap();
    };
    cluster.inject_into(&format!("get {} ", NAMING.service(NAMESPACE)), Fault::OtherWriter(Box::new(meanwhile)));
    let ran = run(&cluster, NAMESPACE, &paper.line("switch green --yes -o json")).await.expect(ExitStatus::Done);
    assert_eq!(ran.json()["outcome"], Value::from("done"));
    assert!(ran.err.contains("warning: --report: cannot write"), "{}", ran.err);
}
