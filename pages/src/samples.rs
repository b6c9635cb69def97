//! What `--report` writes, as pages to look at: a release that went well, and one that was put back.
//! Plays rehearsals of the example set, and takes the pages as they are.

use crate::Problem;
use crate::session::{example, run};

/// The pages: their names, and what is played for them.
const SAMPLES: [(&str, &str); 2] = [("release", ""), ("put-back", " --fault error-rate")];

/// Every page by its path in the repository.
///
/// # Errors
/// When a rehearsal does not run, or its page cannot be written or read.
pub fn samples() -> Result<Vec<(String, String)>, Problem> {
    let problem = |error: std::io::Error| Problem(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.map_err(problem)?;
    let folder = tempfile::tempdir().map_err(problem)?;
    let sample = |(name, fault): (&str, &str)| {
        let file = folder.path().join(name);
        let set = "docs/examples/shop -f docs/examples/shop-route";
        let line = format!(
            "kubectl bluegreen rehearse -f {set} 2.54 --steps 10,50,100 --soak 30s{fault} --report {}",
            file.display()
        );
        runtime.block_on(async {
            let cluster = example(std::iter::empty()).await?;
            Box::pin(run(&cluster, &line, 0)).await
        })?;
        #[expect(clippy::disallowed_methods, reason = "the page is what the command has written")]
        let page = std::fs::read_to_string(&file).map_err(problem)?;
        Ok((format!("docs/examples/reports/{name}.html"), page))
    };
    SAMPLES.into_iter().map(sample).collect()
}
