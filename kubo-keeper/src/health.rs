//! Whether Kubo still works, down to its disk: `diag/healthy`, asked on the same address as everybody asks.

use std::{io, net::SocketAddr, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, body::Bytes, client::conn::http1::handshake, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// Kubo's own health check allows three seconds; a busy machine gets a little more.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Asks once.
///
/// # Errors
///
/// With what went wrong, in a few words.
pub async fn check(rpc: SocketAddr) -> Result<(), String> {
    match timeout(ANSWER_WAIT, ask(rpc)).await {
        Ok(Ok(200)) => Ok(()),
        Ok(Ok(status)) => Err(format!("it answered {status}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_WAIT.as_secs())),
    }
}

async fn ask(rpc: SocketAddr) -> io::Result<u16> {
    let stream = TcpStream::connect(rpc).await?;
    let (mut send, connection) = handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::post("/api/v0/diag/healthy").header(HOST, rpc.to_string()).body(Empty::new());
    // Dropped at the end of the question, and with it the connection.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = send.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    // Kubo's answer is a word: reading it is part of the check.
    answer.into_body().collect().await.map_err(io::Error::other)?;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn answering(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = [0; 1_024];
            let bytes = stream.read(&mut question).await.unwrap();
            assert!(question[..bytes].starts_with(b"POST /api/v0/diag/healthy HTTP/1.1\r\n"));
            stream.write_all(answer).await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn a_daemon_that_says_so_is_healthy() {
        let rpc = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n").await;
        assert_eq!(check(rpc).await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let rpc = answering(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(check(rpc).await, Err("it answered 500".to_owned()));
        let rpc = answering(b"").await;
        assert!(check(rpc).await.is_err());
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert!(check(nobody).await.is_err());
    }
}
