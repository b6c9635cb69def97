//! All that a person sees: data on stdout, progress, prompts and hints on stderr.
//! Must not decide anything; it prints and asks.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::Error;
use crate::paint::{self, Canvas, Part};
use crate::place::Place;
use crate::plain::harmless;
use crate::trail::{Event, Trail};

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

/// What to do after a signal in the middle of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// As if there had been none.
    GoOn,
    /// Leave everything as it is now.
    Hold,
    /// Back to what was before.
    PutBack,
}

/// How often a line of progress is printed where it cannot be overwritten, unless something else is to be said.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// What the line of progress says.
#[derive(Debug, Default)]
struct Progress {
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// Elsewhere: the last line, and when it was printed.
    printed: Option<(Duration, String)>,
}

/// A stream that is shared by the copies of a `Ui`.
type Stream = Rc<RefCell<Box<dyn Write>>>;

/// Where a command prints and asks.
pub struct Ui {
    out: Stream,
    err: Stream,
    /// What is asked for the size of the terminal behind `out`, in columns and rows.
    size: fn() -> Option<(usize, usize)>,
    /// What is asked for the columns of the terminal behind `err`.
    err_columns: fn() -> Option<usize>,
    /// How many lines of the live view are on the screen.
    drawn: Cell<usize>,
    /// Whether stderr is a terminal, where progress is one line.
    interactive: bool,
    progress: RefCell<Progress>,
    /// What is kept for a page about a move, where one is wanted.
    trail: Rc<RefCell<Option<Trail>>>,
    answers: Answers,
    quiet: bool,
    /// Where the run looks.
    place: Place,
}

impl Ui {
    /// The process' own streams. Color is left to what is written: the streams take it out where it does not belong.
    #[must_use]
    pub fn process(answers: Answers, quiet: bool) -> Self {
        let ui = Self::new(Box::new(anstream::stdout()), Box::new(anstream::stderr()), answers, quiet);
        Self { size: terminal, err_columns, interactive: std::io::stderr().is_terminal(), ..ui }
    }

    /// Any streams.
    #[must_use]
    pub fn new(out: Box<dyn Write>, err: Box<dyn Write>, answers: Answers, quiet: bool) -> Self {
        let (out, err) = (Rc::new(RefCell::new(out)), Rc::new(RefCell::new(err)));
        let (size, drawn, progress) = (none as fn() -> _, Cell::default(), RefCell::default());
        let err_columns = || None;
        let (trail, place) = (Rc::default(), Place::default());
        Self { out, err, size, err_columns, drawn, interactive: false, progress, trail, answers, quiet, place }
    }

    /// The same for a run that looks there: commands in what it says are typed for it.
    #[must_use]
    pub fn looking(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Where the run looks.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The same streams with other answers.
    #[must_use]
    pub fn with_answers(&self, answers: Answers) -> Self {
        let (out, err) = (Rc::clone(&self.out), Rc::clone(&self.err));
        let (size, err_columns, interactive, quiet) = (self.size, self.err_columns, self.interactive, self.quiet);
        let (drawn, progress, trail) = (Cell::default(), RefCell::default(), Rc::clone(&self.trail));
        let place = self.place.clone();
        Self { out, err, size, err_columns, drawn, interactive, progress, trail, answers, quiet, place }
    }

    /// Keeps from now on what happens, for a page about it.
    pub fn follow(&self) {
        *self.trail.borrow_mut() = Some(Trail::default());
    }

    /// Says that what is to be kept begins only now.
    pub fn begin_trail(&self) {
        self.trail.borrow_mut().iter_mut().for_each(|trail| *trail = Trail::default());
    }

    /// Whether anybody wants to know what happens.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.trail.borrow().is_some()
    }

    /// Keeps something that happened, if anybody wants to know.
    pub fn keep(&self, event: impl FnOnce() -> Event) {
        if let Some(trail) = self.trail.borrow_mut().as_mut() {
            trail.keep(event());
        }
    }

    /// Says that what happens from now on is another story.
    pub fn close_trail(&self) {
        self.trail.borrow_mut().iter_mut().for_each(Trail::close);
    }

    /// What was kept, whole.
    #[must_use]
    pub fn trail(&self) -> Option<Trail> {
        self.close_trail();
        self.trail.take()
    }

    /// How many columns the terminal has that data is printed on; nothing on a pipe or in a file.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        (self.size)().map(|(columns, _)| columns)
    }

    /// What data for a person is written on.
    #[must_use]
    pub fn canvas(&self) -> Canvas<'_> {
        Canvas { columns: self.columns(), place: Some(&self.place) }
    }

    /// Prints a view in the place of the one that was drawn before. Only for a terminal.
    pub fn redraw(&self, parts: Vec<Part>) {
        let (columns, rows) = (self.size)().unwrap_or((usize::MAX, usize::MAX));
        let text = paint::screenful(parts, columns, rows);
        // Moving the cursor is no matter of color: it must not go through a stream that takes color out.
        let mut screen = std::io::stdout().lock();
        let up = self.drawn.replace(paint::height(&text, columns));
        let _ = if up > 0 { write!(screen, "\x1b[{up}A\x1b[J") } else { Ok(()) }.and_then(|()| screen.flush());
        drop(screen);
        self.table(&format!("{text}\n"));
    }

    /// Prints data. A closed pipe is the reader's choice, not a failure.
    pub fn data(&self, text: impl Display) {
        let text = text.to_string();
        // A program gets what there is, to the letter; a terminal gets nothing that would control it.
        let text = if self.columns().is_some() { harmless(&text) } else { text };
        let mut out = self.out.borrow_mut();
        let _ = write!(out, "{text}").and_then(|()| out.flush());
    }

    /// Prints data for a person.
    pub fn table(&self, text: &str) {
        self.data(harmless(text));
    }

    /// Prints a line of progress or a hint, unless quiet.
    pub fn note(&self, text: impl Display) {
        self.note_as_it_is(self.place.typed(&text.to_string()).into_owned());
    }

    /// The same with its commands as they are.
    pub fn note_as_it_is(&self, text: String) {
        if self.quiet { self.keep(|| Event::Said(text)) } else { self.written(text) }
    }

    /// Prints a line on stderr also when quiet: errors and what must be known.
    pub fn always(&self, text: impl Display) {
        self.written(self.place.typed(&text.to_string()).into_owned());
    }

    fn written(&self, text: String) {
        if let Some(bar) = self.progress.borrow_mut().bar.take() {
            bar.finish_and_clear();
        }
        let mut err = self.err.borrow_mut();
        let shown = paint::folded(&harmless(&text), (self.err_columns)());
        let _ = writeln!(err, "{shown}").and_then(|()| err.flush());
        self.keep(|| Event::Said(text));
    }

    /// Says what is going on and how long is left: one line on a terminal, which changes, and elsewhere a line with the
    /// time that has passed whenever something has changed, or ten seconds later.
    pub fn progress(&self, passed: Duration, words: &str, left: &str) {
        if self.quiet {
            return;
        }
        let mut progress = self.progress.borrow_mut();
        if self.interactive {
            let bar = progress.bar.get_or_insert_with(spinner);
            bar.set_message(harmless(&format!("{words}; {left}")));
            bar.tick();
            return;
        }
        let is_news = |(at, said): &(Duration, String)| said != words || passed >= *at + PROGRESS_EVERY;
        if progress.printed.as_ref().is_none_or(is_news) {
            progress.printed = Some((passed, words.to_owned()));
            drop(progress);
            self.always(format_args!("  {:>6.2} s  {words}; {left}", passed.as_secs_f64()));
        }
    }

    /// Says that a step is done.
    pub fn done(&self, passed: Duration, seen: &str) {
        self.progress.borrow_mut().printed = None;
        self.note(format_args!("  {:>6.2} s  {seen}", passed.as_secs_f64()));
    }

    /// Asks what to do after a signal; nothing when there is nobody to ask.
    pub async fn choose(&self) -> Option<Choice> {
        if matches!(self.answers, Answers::Always(_)) || !std::io::stdin().is_terminal() {
            return None;
        }
        loop {
            self.prompt("Go on (g), hold here (h), or put all traffic back (p)?", "g/h/p");
            let answer = read_line().await;
            match answer.trim().to_ascii_lowercase().as_str() {
                "g" => return Some(Choice::GoOn),
                "h" => return Some(Choice::Hold),
                "p" => return Some(Choice::PutBack),
                // Whoever has gone cannot be asked again.
                "" if !answer.ends_with('\n') => return None,
                _ => {}
            }
        }
    }

    fn prompt(&self, question: &str, answers: &str) {
        let bar = self.progress.borrow_mut().bar.take();
        bar.iter().for_each(ProgressBar::finish_and_clear);
        let mut err = self.err.borrow_mut();
        let _ = write!(err, "{} [{answers}] ", harmless(question)).and_then(|()| err.flush());
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
                self.prompt(question, "y/N");
                matches!(read_line().await.trim().to_ascii_lowercase().as_str(), "y" | "yes")
            }
        };
        if yes { Ok(()) } else { Err(Error::Declined { state: "nothing was changed".to_owned(), help: None }) }
    }
}

/// Reads a line from a thread of its own: it would hold up signals here.
async fn read_line() -> String {
    let read = || {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line).unwrap_or_default()
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}

fn none() -> Option<(usize, usize)> {
    None
}

/// The size of the terminal that stdout is; nothing when it is none.
fn terminal() -> Option<(usize, usize)> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (width, height) = terminal_size::terminal_size()?;
    Some((usize::from(width.0), usize::from(height.0)))
}

/// The columns of the terminal that stderr is; nothing when it is none.
fn err_columns() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(columns, _)| usize::from(columns.0))
}

impl std::fmt::Debug for Ui {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ui").field("answers", &self.answers).field("quiet", &self.quiet).finish_non_exhaustive()
    }
}
