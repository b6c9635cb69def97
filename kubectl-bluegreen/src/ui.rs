//! All that a person sees: data on stdout, progress, prompts and hints on stderr.
//! Must not decide anything; it prints and asks.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::rc::Rc;

use crate::error::Error;
use crate::paint;

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

/// A stream that is shared by the copies of a `Ui`.
type Stream = Rc<RefCell<Box<dyn Write>>>;

/// Where a command prints and asks.
pub struct Ui {
    out: Stream,
    err: Stream,
    /// What is asked for the size of the terminal behind `out`, in columns and rows.
    size: fn() -> Option<(usize, usize)>,
    /// How many lines of the live view are on the screen.
    drawn: Cell<usize>,
    answers: Answers,
    quiet: bool,
}

impl Ui {
    /// The process' own streams. Color is left to what is written: the streams take it out where it does not belong.
    #[must_use]
    pub fn process(answers: Answers, quiet: bool) -> Self {
        let ui = Self::new(Box::new(anstream::stdout()), Box::new(anstream::stderr()), answers, quiet);
        Self { size: terminal, ..ui }
    }

    /// Any streams.
    #[must_use]
    pub fn new(out: Box<dyn Write>, err: Box<dyn Write>, answers: Answers, quiet: bool) -> Self {
        let (out, err) = (Rc::new(RefCell::new(out)), Rc::new(RefCell::new(err)));
        Self { out, err, size: || None, drawn: Cell::default(), answers, quiet }
    }

    /// The same streams with other answers.
    #[must_use]
    pub fn with_answers(&self, answers: Answers) -> Self {
        let (out, err) = (Rc::clone(&self.out), Rc::clone(&self.err));
        Self { out, err, size: self.size, drawn: Cell::default(), answers, quiet: self.quiet }
    }

    /// How many columns the terminal has that data is printed on; nothing on a pipe or in a file.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        (self.size)().map(|(columns, _)| columns)
    }

    /// Prints a view in the place of the one that was drawn before. Only for a terminal.
    pub fn redraw(&self, text: &str) {
        let (columns, rows) = (self.size)().unwrap_or((usize::MAX, usize::MAX));
        // A line that is wider than the terminal takes several of its rows.
        let height = |line: &str| paint::width(line).div_ceil(columns.max(1)).max(1);
        let mut used = 0;
        let fits = |line: &&str| {
            used += height(line);
            used < rows
        };
        let lines: Vec<&str> = text.lines().take_while(fits).collect();
        let taken = lines.iter().map(|line| height(line)).sum();
        // Moving the cursor is no matter of color: it must not go through a stream that takes color out.
        let mut screen = std::io::stdout().lock();
        let up = self.drawn.replace(taken);
        let _ = if up > 0 { write!(screen, "\x1b[{up}A\x1b[J") } else { Ok(()) }.and_then(|()| screen.flush());
        drop(screen);
        self.data(format_args!("{}\n", lines.join("\n")));
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

/// The size of the terminal that stdout is; nothing when it is none.
fn terminal() -> Option<(usize, usize)> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (width, height) = terminal_size::terminal_size()?;
    Some((usize::from(width.0), usize::from(height.0)))
}

impl std::fmt::Debug for Ui {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ui").field("answers", &self.answers).field("quiet", &self.quiet).finish_non_exhaustive()
    }
}
