//! Boot: on the only thread that exists so far a box declares what it will need, is confined to exactly that, and only
//! then starts its runtime. The order is in the types: what opens things is [`Running`], and only `confine` makes one.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    marker::PhantomData,
    net::SocketAddr,
    panic,
    path::PathBuf,
    process::ExitCode,
};

use proto::{
    config::Rookery,
    hints::Hint,
    interface::Interface,
    supervision::exit,
    wiring::{Asks, BoxKind, Hears, Serves, Tells},
};

use crate::{
    args,
    config::{self, Loaded, Places},
    confine::{self, Secrets},
    context::Context,
    failure::{Failure, OrFail as _},
    inherited::Inherited,
    lock, log,
    pulse::Pulse,
    running::Running,
    stack, stop,
};

/// Workers of the runtime. Two, because a bus needs one that is free while another is busy.
const RUNTIME_WORKERS: usize = 2;

/// A path that was declared at boot.
#[derive(Debug, Clone)]
pub struct Declared(pub(crate) PathBuf);

/// The right to answer the questions of `I`.
#[derive(Debug)]
pub struct Answers<I>(PhantomData<I>);

/// The right to ask the questions of `I`.
#[derive(Debug)]
pub struct Askable<I>(PhantomData<I>);

/// The right to tell the hint `H`.
#[derive(Debug)]
pub struct Tellable<H>(PhantomData<H>);

/// The right to hear the hint `H`.
#[derive(Debug)]
pub struct Audible<H>(PhantomData<H>);

/// The right to listen at an address.
#[derive(Debug, Clone)]
pub struct Listens {
    pub(crate) purpose: &'static str,
    pub(crate) address: SocketAddr,
}

/// The right to bump the version board.
#[derive(Debug)]
pub struct BumpsBoard(());

/// The right to read the version board.
#[derive(Debug)]
pub struct ReadsBoard(());

/// What a box has declared so far: what it will be confined to.
#[derive(Debug, Default)]
pub struct Needs {
    /// Paths it reads.
    pub reads: Vec<PathBuf>,
    /// Paths it writes.
    pub writes: Vec<PathBuf>,
    /// Addresses it listens on.
    pub listens: Vec<SocketAddr>,
    /// Interfaces it asks.
    pub asks: Vec<&'static str>,
    /// Interfaces it answers.
    pub answers: Vec<&'static str>,
    /// Hints it tells.
    pub tells: Vec<&'static str>,
    /// Hints it hears.
    pub hears: Vec<&'static str>,
}

/// A box that is starting: it declares, and opens nothing.
#[derive(Debug)]
pub struct Boot<B: BoxKind> {
    loaded: Loaded,
    instance: u16,
    inherited: Inherited,
    pulse: Pulse,
    needs: RefCell<Needs>,
    secrets: Cell<Secrets>,
    kind: PhantomData<B>,
}

/// Runs a box: reads the command line and the configuration, starts the log, and hands a [`Boot`] to `start`.
///
/// The exit code is that of the [`Failure`], or 0.
pub fn main<B: BoxKind>(start: impl FnOnce(Boot<B>) -> Result<(), Failure>) -> ExitCode {
    let args = args::parse::<B>();
    let inherited = Inherited::take();
    let reader = if inherited.beat.is_some() { log::Reader::Supervisor } else { log::Reader::Somebody };
    let loaded = match config::load(args.config.as_deref()).and_then(|loaded| {
        log::start(&loaded.all.common.log, reader)?;
        Ok(loaded)
    }) {
        Ok(loaded) => loaded,
        Err(failure) => return refuse::<B>(&failure),
    };
    let mut inherited = inherited;
    let pulse = Pulse::new(inherited.beat.take());
    tell_of_panics(&pulse);
    let boot = Boot {
        loaded,
        instance: args.instance,
        inherited,
        pulse: pulse.clone(),
        needs: RefCell::default(),
        secrets: Cell::new(Secrets::None),
        kind: PhantomData,
    };
    match start(boot) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(failure) => {
            tracing::error!(%failure, "ended");
            pulse.last_words(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

fn refuse<B: BoxKind>(failure: &Failure) -> ExitCode {
    eprintln!("{}: {failure}", B::NAME);
    ExitCode::from(failure.code())
}

/// A panic is a death that the supervisor sees; its last words say what it was.
fn tell_of_panics(pulse: &Pulse) {
    let pulse = pulse.clone();
    panic::set_hook(Box::new(move |panic| {
        let text = panic.to_string();
        tracing::error!(panic = text, "panicked");
        pulse.last_words(&text);
    }));
}

impl<B: BoxKind> Boot<B> {
    /// The box's own section.
    #[must_use]
    pub fn config(&self) -> &B::Config {
        B::section(&self.loaded.all)
    }

    /// All sections.
    #[must_use]
    pub fn all(&self) -> &Rookery {
        &self.loaded.all
    }

    /// Where things are.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.loaded.places
    }

    /// Which of several.
    #[must_use]
    pub fn instance(&self) -> u16 {
        self.instance
    }

    /// Declares that the box answers `I`.
    pub fn answers<I: Interface>(&self) -> Answers<I>
    where
        B: Serves<I>,
    {
        self.needs.borrow_mut().answers.push(I::NAME);
        Answers(PhantomData)
    }

    /// Declares that the box asks `I`.
    pub fn asks<I: Interface>(&self) -> Askable<I>
    where
        B: Asks<I>,
    {
        self.needs.borrow_mut().asks.push(I::NAME);
        Askable(PhantomData)
    }

    /// Declares that the box tells `H`.
    pub fn tells<H: Hint>(&self) -> Tellable<H>
    where
        B: Tells<H>,
    {
        self.needs.borrow_mut().tells.push(H::NAME);
        Tellable(PhantomData)
    }

    /// Declares that the box hears `H`.
    pub fn hears<H: Hint>(&self) -> Audible<H>
    where
        B: Hears<H>,
    {
        self.needs.borrow_mut().hears.push(H::NAME);
        Audible(PhantomData)
    }

    /// Declares that the box reads what is at `path`.
    pub fn reads(&self, path: PathBuf) -> Declared {
        self.needs.borrow_mut().reads.push(path.clone());
        Declared(path)
    }

    /// Declares that the box reads and writes what is at `path`.
    pub fn writes(&self, path: PathBuf) -> Declared {
        self.needs.borrow_mut().writes.push(path.clone());
        Declared(path)
    }

    /// Declares that the box listens on `address`.
    pub fn listens(&self, purpose: &'static str, address: SocketAddr) -> Listens {
        self.needs.borrow_mut().listens.push(address);
        Listens { purpose, address }
    }

    /// Declares that the box bumps the version board.
    pub fn board_writer(&self) -> BumpsBoard {
        BumpsBoard(())
    }

    /// Declares that the box reads the version board.
    pub fn board_reader(&self) -> ReadsBoard {
        ReadsBoard(())
    }

    /// Declares that the box holds a private key: nobody may dump or debug it.
    pub fn holds_private_key(&self) {
        self.secrets.set(Secrets::Key);
    }

    /// Confines the process to what was declared, starts the runtime, and runs the box until it ends.
    ///
    /// # Errors
    ///
    /// Whatever `run` fails with; exit code 75 when this instance runs already; 78 when the runtime directory is not
    /// ours alone.
    pub fn confine<F, Fut>(self, run: F) -> Result<(), Failure>
    where
        F: FnOnce(Running<B>, B::Config) -> Fut,
        Fut: Future<Output = Result<(), Failure>>,
    {
        let runtime_dir = self.loaded.places.runtime_dir.clone();
        confine::private_dir(&runtime_dir)?;
        let _lock = lock::take(&runtime_dir.join(format!("{}.{}.lock", B::NAME, self.instance)))?;
        stack::write_stacks_on_abort().or_fail("cannot set the handler of SIGABRT")?;
        confine::confine(self.secrets.get())?;
        tracing::debug!(needs = ?self.needs.borrow(), "confined");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_WORKERS)
            .thread_name(B::NAME)
            .enable_all()
            .build()
            .or_fail("cannot start the runtime")?;
        let result = runtime.block_on(self.run(run));
        // What is still running has no socket to answer on: it must not keep the process.
        runtime.shutdown_background();
        result
    }

    async fn run<F, Fut>(self, run: F) -> Result<(), Failure>
    where
        F: FnOnce(Running<B>, B::Config) -> Fut,
        Fut: Future<Output = Result<(), Failure>>,
    {
        let (sender, stop) = stop::channel();
        stop::listen_to_signals(sender).or_fail("cannot listen to signals")?;
        let config = self.config().clone();
        let runtime_dir = self.loaded.places.runtime_dir.clone();
        let context = Context::new(B::NAME, self.instance, runtime_dir, stop, self.pulse);
        run(Running::new(context, self.loaded, self.inherited.listeners), config).await
    }
}
