//! What the cluster offers at the prompt.

use clap_complete::CompletionCandidate;
use kubectl_bluegreen::cluster::Cluster;
use kubectl_bluegreen::complete::{Names, Scope, ask};

use super::simulated::{NAMESPACE, cluster};
use super::world::NAMINGS;

async fn offered(cluster: &impl Cluster, scope: &Scope, names: Names) -> Vec<String> {
    let line = |candidate: &CompletionCandidate| {
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        format!("{}: {help}", candidate.get_value().display())
    };
    ask(cluster, "default", scope, &[], names).await.unwrap().iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn sets_and_colors_come_with_what_they_are() {
    let cluster = cluster(NAMINGS[2]).await;
    let shop = Scope { namespace: Some(NAMESPACE.to_owned()), ..Scope::default() };
    assert_eq!(offered(&cluster, &shop, Names::Sets).await, ["cart: blue serves"]);
    let colors = ["blue: 1, 2 ready, serves", "green: 2, 2 ready, idle"];
    assert_eq!(offered(&cluster, &shop, Names::Colors).await, colors);
    let elsewhere = Scope::default();
    assert!(offered(&cluster, &elsewhere, Names::Sets).await.is_empty());
    assert_eq!(offered(&cluster, &elsewhere, Names::Colors).await, ["blue: ", "green: "]);
}
