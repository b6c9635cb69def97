//! Manifests that a command is given: read, linted, and refused when the linter finds errors.
//! Must not talk to a cluster.

use std::path::PathBuf;

use bluegreen_lint::config::{self, Config};
use bluegreen_lint::model::Model;
use bluegreen_lint::report::{Report, concise};
use bluegreen_lint::set::Declared;
use bluegreen_lint::source::Source;
use bluegreen_lint::{lint, manifest, source};

use crate::error::Error;
use crate::release::ExitStatus;
use crate::ui::Ui;

/// Manifests that the linter does not refuse.
#[derive(Debug)]
pub struct Manifests {
    /// Their objects and release sets.
    pub model: Model,
    /// The sets that the settings beside them name.
    pub declared: Vec<Declared>,
    /// What the linter says of them.
    pub report: Report,
    /// The files.
    pub sources: Vec<Source>,
}

impl Manifests {
    /// The namespace that their release sets are in, where one of them says it.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.model.sets.iter().find_map(|set| set.namespace.as_deref())
    }
}

/// Reads manifests, with the configuration that lies beside them, and says what the linter says.
///
/// # Errors
/// When they cannot be read, hold no object, or the linter finds errors.
pub fn read(files: &[PathBuf], ui: &Ui) -> Result<Manifests, Error> {
    let fails = |message: String, help: &str, status| Error::Manifests { message, help: help.to_owned(), status };
    let unreadable = |message: String| fails(message, "check the path and the file", ExitStatus::Failed);
    let mut sources = source::read(files, source::STANDARD_INPUT).map_err(|error| unreadable(error.to_string()))?;
    source::add_configs(&mut sources).map_err(|error| unreadable(error.to_string()))?;
    let layers = config::load(&sources).map_err(|error| unreadable(error.to_string()))?;
    let declared: Vec<Declared> = layers.iter().flat_map(|layer| layer.file.sets.clone()).collect();
    let report = lint(&sources, &Config { layers, ..Config::default() });
    ui.note(format_args!("lint: {}", report.summary_line()));
    if report.summary.errors > 0 {
        ui.always(concise::errors(&report, &sources).trim_end());
        let errors = report.summary.errors;
        let message =
            format!("the linter finds {errors} {} in the manifests", if errors == 1 { "error" } else { "errors" });
        let paths = files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
        return Err(fails(message, &format!("see them in full: kubectl bluegreen lint {paths}"), ExitStatus::Refused));
    }
    let name = |at: usize| sources.get(at).map(|source| source.name.clone()).unwrap_or_default();
    let model = Model::new(manifest::read(&sources), declared.clone(), name);
    Ok(Manifests { model, declared, report, sources })
}
