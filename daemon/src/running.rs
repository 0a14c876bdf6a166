//! A box that is confined and runs: it opens what it declared, and nothing else.

use std::{
    collections::BTreeMap,
    marker::PhantomData,
    net::TcpListener as StdListener,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::registry::Registry;
use proto::{
    config::Rookery,
    hints::Hint,
    interface::{AnsweredBy, Interface},
    supervision::BoxState,
    wiring::BoxKind,
};
use tokio::net::TcpListener;

use crate::{
    board::{BoardReader, BoardWriter},
    boot::{Answers, Askable, Audible, BumpsBoard, Declared, Listens, ReadsBoard, Tellable},
    bus::{self, Asker, Listener, Teller},
    config::{Loaded, Places},
    context::Context,
    failure::Failure,
    listen, measure,
    pulse::Pulse,
    stop::Stop,
};

/// A running box. Cheap to clone.
#[derive(Debug)]
pub struct Running<B: BoxKind> {
    inner: Arc<Inner>,
    kind: PhantomData<B>,
}

#[derive(Debug)]
struct Inner {
    context: Context,
    loaded: Loaded,
    handed_down: Mutex<BTreeMap<String, StdListener>>,
}

impl<B: BoxKind> Clone for Running<B> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), kind: PhantomData }
    }
}

impl<B: BoxKind> Running<B> {
    pub(crate) fn new(context: Context, loaded: Loaded, handed_down: BTreeMap<String, StdListener>) -> Self {
        measure::measure_process(&context);
        let inner = Inner { context, loaded, handed_down: Mutex::new(handed_down) };
        Self { inner: Arc::new(inner), kind: PhantomData }
    }

    /// Where a declared path is.
    #[must_use]
    pub fn path(&self, declared: &Declared) -> PathBuf {
        declared.0.clone()
    }

    /// Which of several.
    #[must_use]
    pub fn instance(&self) -> u16 {
        self.inner.context.instance
    }

    /// All sections of the configuration.
    #[must_use]
    pub fn all(&self) -> &Rookery {
        &self.inner.loaded.all
    }

    /// Where things are.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.inner.loaded.places
    }

    /// What the parts of the box share.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.inner.context
    }

    /// Answers the questions of `I` until the box is asked to stop and what is open has been answered.
    ///
    /// Says that the box is ready once it may be asked, and beats.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be bound, because another process holds it or the directory is gone.
    pub async fn serve<I, H>(&self, _answers: Answers<I>, handler: H) -> Result<(), Failure>
    where
        I: Interface + AnsweredBy<H>,
        H: Send + Sync + 'static,
    {
        bus::serve::<I, H>(self.context().clone(), handler).await
    }

    /// Whom to ask the questions of `I`.
    ///
    /// # Errors
    ///
    /// When the runtime directory cannot be watched.
    pub fn asker<I: Interface>(&self, _askable: Askable<I>) -> Result<Asker<I>, Failure> {
        Asker::open(self.context().clone())
    }

    /// Tells whoever listens to `H`.
    #[must_use]
    pub fn teller<H: Hint>(&self, _tellable: Tellable<H>) -> Teller<H> {
        Teller::open(self.context().clone())
    }

    /// Hears whoever tells `H`.
    #[must_use]
    pub fn hearer<H: Hint>(&self, _audible: Audible<H>) -> Listener<H> {
        Listener::open(self.context().clone())
    }

    /// The listener for a declared address: the supervisor's, which outlives this process, or our own.
    ///
    /// # Errors
    ///
    /// When the address is in use or not ours.
    pub fn listener(&self, listens: &Listens) -> Result<TcpListener, Failure> {
        let mut handed_down = self.inner.handed_down.lock().unwrap_or_else(PoisonError::into_inner);
        listen::open(&mut handed_down, &self.inner.context.pulse, listens.purpose, listens.address)
    }

    /// Opens the version board for bumping.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or mapped.
    pub fn board_writer(&self, _declared: BumpsBoard) -> Result<BoardWriter, Failure> {
        BoardWriter::open(&self.inner.context.runtime_dir)
    }

    /// Opens the version board for reading.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or mapped.
    pub fn board_reader(&self, _declared: ReadsBoard) -> Result<BoardReader, Failure> {
        BoardReader::open(&self.inner.context.runtime_dir)
    }

    /// Says that the box may be used. [`Running::serve`] says it by itself.
    pub fn ready(&self) {
        self.inner.context.pulse.change(BoxState::Ready);
    }

    /// Whether the box should end.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.inner.context.stop.clone()
    }

    /// For the loop that does the work to say that it still does. [`Running::serve`] does it by itself.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.inner.context.pulse.clone()
    }

    /// The box's metrics, to register more.
    pub fn metrics(&self) -> MutexGuard<'_, Registry> {
        self.inner.context.registry()
    }

    /// Registers metrics.
    pub fn register<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.metrics())
    }

    /// The metrics as OpenMetrics text, without the closing `# EOF`.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        measure::text(&self.inner.context.metrics)
    }
}
