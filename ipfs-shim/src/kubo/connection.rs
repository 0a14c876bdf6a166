//! Connections to the daemon: a few are kept open between calls, each drives one call at a time.

use std::sync::{Mutex, PoisonError};

use hyper::{
    Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::HeaderValue,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::{
    address::Place,
    call::Call,
    error::{Awaited, RpcError},
    upload::Upload,
    wait::{Deadline, Progress, Waits},
};

/// More idle connections than this are closed.
const IDLE_CONNECTIONS: usize = 4;

/// An open connection. Dropping it closes it, whatever is on its way.
#[derive(Debug)]
pub(super) struct Connection {
    send: SendRequest<Upload>,
    rpc: String,
    secret: Option<HeaderValue>,
    _driver: Driver,
}

/// The task that reads and writes the socket; it ends with the connection.
#[derive(Debug)]
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Sends a question and waits for the head of the answer.
    pub(super) async fn exchange(
        &mut self,
        call: &Call,
        deadline: &Deadline,
        sent: Progress,
    ) -> Result<Response<Incoming>, RpcError> {
        let request = call.request(&self.rpc, self.secret.as_ref(), sent);
        let answer = async {
            self.send.ready().await?;
            self.send.send_request(request).await
        };
        let answered = deadline.bound(Awaited::FirstByte, answer).await?;
        answered.map_err(|cause| RpcError::Broken { endpoint: call.endpoint, cause })
    }
}

/// Makes connections and keeps the idle ones.
#[derive(Debug)]
pub(super) struct Pool {
    place: Place,
    /// Where it was when it last said so: a daemon that ends takes its word back, and its successor listens at the same place.
    last: Mutex<Option<String>>,
    waits: Waits,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(place: Place, waits: Waits) -> Self {
        Self { place, last: Mutex::new(None), waits, idle: Mutex::new(Vec::new()) }
    }

    /// Host and port of the daemon, as it said last.
    pub(super) fn rpc(&self) -> Result<String, RpcError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match (self.place.authority(), &*last) {
            (Err(RpcError::NoAddress { .. }), Some(known)) => Ok(known.clone()),
            (found, _) => found.inspect(|authority| *last = Some(authority.clone())),
        }
    }

    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// An idle connection that was alive a moment ago.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.send.is_closed());
        idle.pop()
    }

    pub(super) fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    /// Closes what is idle: after a failure these lead to a dead daemon.
    pub(super) fn close_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The address is read anew each time, because a restarted daemon may have another.
    pub(super) async fn open(&self, call: &Call) -> Result<Connection, RpcError> {
        let rpc = self.rpc()?;
        let began = Instant::now();
        let connect = async {
            let unreachable = |cause| RpcError::Connect { rpc: rpc.clone(), advice: self.place.advice(), cause };
            let stream = TcpStream::connect(&rpc).await.map_err(unreachable)?;
            // Without this the tail of a question waits for the kernel's 40 ms.
            stream.set_nodelay(true).map_err(unreachable)?;
            let broken = |cause| RpcError::Broken { endpoint: call.endpoint, cause };
            http1::handshake::<_, Upload>(TokioIo::new(stream)).await.map_err(broken)
        };
        let Ok(made) = timeout(self.waits.connect(), connect).await else {
            let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            return Err(RpcError::TimedOut { endpoint: call.endpoint, awaited: Awaited::Connection, waited_ms });
        };
        let (send, driver) = made?;
        // What breaks the connection is seen by the call that is on it; an idle one is found closed by `take`.
        let driver = tokio::spawn(async { drop(driver.await) });
        let secret = self.place.secret().cloned();
        Ok(Connection { send, rpc, secret, _driver: Driver(driver.abort_handle()) })
    }
}
