//! Reports into files, besides the one on standard output: `--output FORMAT=FILE`.
//! How a format looks is said in `report`, how a file is replaced in `files`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum as _;
use miette::Diagnostic;

use crate::config::Config;
use crate::files::{self, WriteError};
use crate::report::human::Style;
use crate::report::{Format, Report};
use crate::source::Source;

/// How people's formats are written into files: the same on every terminal, and without one.
const PLAIN: Style = Style { color: false, unicode: true, width: 100 };

/// A report to write into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How.
    pub format: Format,
    /// Where.
    pub path: PathBuf,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("this is not FORMAT=FILE, such as `sarif=lint.sarif`")?;
        let format = Format::from_str(format, false).map_err(|_| {
            let known: Vec<_> =
                Format::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value).collect();
            let names = known.iter().map(clap::builder::PossibleValue::get_name);
            let near = names.clone().find(|name| strsim::damerau_levenshtein(name, format) <= 2);
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            format!("there is no format `{format}`; {hint}")
        })?;
        match path {
            "" => Err("no file is named after the `=`".to_owned()),
            "-" => Err("--output writes files; --format says what is printed".to_owned()),
            path => Ok(Self { format, path: PathBuf::from(path) }),
        }
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum OutputError {
    /// The file is a manifest that was read.
    #[error("cannot write the report to {path}: it is one of the files to lint")]
    #[diagnostic(code(bluegreen_lint::output_is_input), help("name another file"))]
    Input {
        /// The path as it was given.
        path: String,
    },
    /// The file is named twice.
    #[error("two reports are to be written to {path}")]
    #[diagnostic(code(bluegreen_lint::output_twice), help("name a file for each --output"))]
    Twice {
        /// The path as it was given.
        path: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Write(#[from] WriteError),
}

/// Writes the reports, each whole; the first one that cannot be written ends it.
pub(crate) fn write(
    outputs: &[Output],
    report: &Report,
    sources: &[Source],
    config: &Config,
) -> Result<(), OutputError> {
    for (at, output) in outputs.iter().enumerate() {
        let path = || output.path.display().to_string();
        let real = output.path.canonicalize().ok();
        let is_same = |other: &Path| other == output.path || real.is_some() && other.canonicalize().ok() == real;
        if outputs.iter().take(at).any(|other| is_same(&other.path)) {
            return Err(OutputError::Twice { path: path() });
        }
        if sources.iter().any(|source| is_same(Path::new(&source.name))) {
            return Err(OutputError::Input { path: path() });
        }
    }
    for output in outputs {
        let text = output.format.render(report, sources, config, PLAIN);
        files::write_atomically(&output.path, text.as_bytes())?;
    }
    Ok(())
}
