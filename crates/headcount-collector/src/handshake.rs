//! The beginning of a connection: TLS, or a plain word to whoever speaks none where it is needed.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Notify, watch};

use crate::linger::Socket;
use crate::tls::Tls;
use crate::transport::Transport;

/// The first byte of a TLS connection: a record of the type handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// What a client without TLS gets.
const NOT_PLAIN: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 45\r\n\
                         Connection: close\r\n\r\nthis address speaks TLS: begin it with https\n";

/// The connection after its handshake; `None` if there was none within `timeout`, before the connection was told to `close`, or
/// before the collector was told to `stop`.
pub(crate) async fn begin(
    tls: Option<&Tls>,
    socket: Socket,
    timeout: Duration,
    close: &Notify,
    mut stop: watch::Receiver<bool>,
) -> Option<Transport> {
    let Some(tls) = tls else {
        return Some(Transport::Plain(socket));
    };
    tokio::select! {
        // A handshake that never ends must not delay the end, or keep its place from another connection.
        _ = stop.wait_for(|stop| *stop) => None,
        () = close.notified() => None,
        ended = tokio::time::timeout(timeout, shake_hands(tls, socket)) => ended.ok()?,
    }
}

async fn shake_hands(tls: &Tls, mut socket: Socket) -> Option<Transport> {
    let first = socket.first_byte().await?;
    if first == HANDSHAKE {
        // A client that fails gets an alert, which says more than a line of ours could.
        let stream = tls.accept(socket).await.ok()?;
        return Some(Transport::Tls(Box::new(stream)));
    }
    if first.is_ascii_uppercase() {
        // The client may have gone.
        let _ = socket.write_all(NOT_PLAIN.as_bytes()).await;
        socket.close().await;
    }
    None
}
