//! All that a person sees: data on stdout, progress, prompts and hints on stderr.
//! Must not decide anything; it prints and asks.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::rc::Rc;

use crate::error::Error;

/// How questions are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// `--yes`: every question.
    Yes,
    /// By the person at the terminal, if there is one.
    Person,
    /// As a test says.
    Always(bool),
}

/// Where a command prints and asks.
pub struct Ui {
    out: Rc<RefCell<Box<dyn Write>>>,
    err: Rc<RefCell<Box<dyn Write>>>,
    answers: Answers,
    quiet: bool,
}

impl Ui {
    /// The process' own streams. Color is left to what is written: the streams take it out where it does not belong.
    #[must_use]
    pub fn process(answers: Answers, quiet: bool) -> Self {
        Self::new(Box::new(anstream::stdout()), Box::new(anstream::stderr()), answers, quiet)
    }

    /// Any streams.
    #[must_use]
    pub fn new(out: Box<dyn Write>, err: Box<dyn Write>, answers: Answers, quiet: bool) -> Self {
        Self { out: Rc::new(RefCell::new(out)), err: Rc::new(RefCell::new(err)), answers, quiet }
    }

    /// The same streams with other answers.
    #[must_use]
    pub fn with_answers(&self, answers: Answers) -> Self {
        Self { out: Rc::clone(&self.out), err: Rc::clone(&self.err), answers, quiet: self.quiet }
    }

    /// Prints data. A closed pipe is the reader's choice, not a failure.
    pub fn data(&self, text: impl Display) {
        let mut out = self.out.borrow_mut();
        let _ = write!(out, "{text}").and_then(|()| out.flush());
    }

    /// Prints a line of progress or a hint, unless quiet.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Prints a line on stderr also when quiet: errors and what must be known.
    pub fn always(&self, text: impl Display) {
        let mut err = self.err.borrow_mut();
        let _ = writeln!(err, "{text}").and_then(|()| err.flush());
    }

    fn prompt(&self, question: &str) {
        let mut err = self.err.borrow_mut();
        let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    }

    /// Asks. Anything but `y` or `yes` means no.
    ///
    /// # Errors
    /// `NoTerminal` when there is nobody to ask, `Declined` for no.
    pub async fn confirm(&self, question: &str) -> Result<(), Error> {
        let yes = match self.answers {
            Answers::Yes => return Ok(()),
            Answers::Always(answer) => answer,
            Answers::Person => {
                if !std::io::stdin().is_terminal() {
                    return Err(Error::NoTerminal);
                }
                self.prompt(question);
                // A thread of its own: reading a line would hold up signals.
                let answer = tokio::task::spawn_blocking(|| {
                    let mut line = String::new();
                    std::io::stdin().lock().read_line(&mut line).map(|_| line).unwrap_or_default()
                });
                matches!(answer.await.unwrap_or_default().trim().to_ascii_lowercase().as_str(), "y" | "yes")
            }
        };
        if yes { Ok(()) } else { Err(Error::Declined) }
    }
}

impl std::fmt::Debug for Ui {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ui").field("answers", &self.answers).field("quiet", &self.quiet).finish_non_exhaustive()
    }
}
