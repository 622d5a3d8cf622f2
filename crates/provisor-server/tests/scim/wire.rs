//! Requests and answers as bytes on a socket, so that a test can send what no client library would.

use std::{net::SocketAddr, time::Duration};

use scim::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The media type of SCIM.
pub(crate) const SCIM: &str = "application/scim+json";
/// A server that does not answer within this time hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn etag(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }

    /// The id in the answer's header.
    pub(crate) fn request_id(&self) -> &str {
        self.header("x-request-id").expect("X-Request-Id")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {text:?}"))
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        match self.bytes.is_empty() {
            true => Value::Null,
            false => self.json(),
        }
    }

    /// The detail of the error, if status and `scimType` ("" for none) are these.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, scim_type: &str) -> String {
        let body = self.expect(status);
        assert_eq!(
            body["scimType"].as_str().unwrap_or_default(),
            scim_type,
            "{body}"
        );
        body["detail"].as_str().unwrap().to_owned()
    }

    /// What holds for every answer of a SCIM endpoint.
    #[track_caller]
    pub(crate) fn check(&self) {
        let id = self.request_id();
        assert!(id.starts_with("req_") && id.len() == 30, "{id}");
        if self.bytes.is_empty() {
            return;
        }
        // HTTP-007, HTTP-012
        assert_eq!(
            self.header("content-type"),
            Some("application/scim+json; charset=utf-8")
        );
        let body = self.json();
        if self.status >= 400 {
            // ERR-001, ERR-002, ERR-008, HTTP-004
            assert_eq!(
                body["schemas"],
                serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
            );
            assert_eq!(body["status"], self.status.to_string());
            let detail = body["detail"].as_str().unwrap();
            assert!(detail.ends_with(&format!(" [{id}]")), "{detail}");
            if let Some(known) = body.get("scimType") {
                let known = known.as_str().unwrap();
                assert!(TYPES.contains(&known), "{known}");
            }
        }
    }
}

/// Table 9 of RFC 7644 and the errors of RFC 9865.
const TYPES: [&str; 13] = [
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
    "invalidCursor",
    "expiredCursor",
    "invalidCount",
];

/// A connection that answers are read from one by one.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let unread = Vec::new();
        Self { stream, unread }
    }

    /// Sends bytes; a server that has already closed the connection may be why it fails.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Says that nothing more will come.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.ok();
    }

    async fn more(&mut self) -> bool {
        let reading = self.stream.read_buf(&mut self.unread);
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(read) => read.is_ok_and(|length| length > 0),
            Err(_) => panic!("the server neither answered nor closed the connection"),
        }
    }

    /// Reads this many bytes at a time with a pause between, until nothing comes for five pauses.
    pub(crate) async fn read_slowly(&mut self, bytes: usize, pause: Duration) {
        let mut part = vec![0; bytes];
        while let Ok(Ok(length @ 1..)) =
            tokio::time::timeout(pause * 5, self.stream.read(&mut part)).await
        {
            self.unread.extend_from_slice(&part[..length]);
            tokio::time::sleep(pause).await;
        }
    }

    /// The next answer; `None` if the server closed the connection instead.
    pub(crate) async fn answer(&mut self, head: bool) -> Option<Reply> {
        let end = loop {
            let found = self.unread.windows(4).position(|part| part == b"\r\n\r\n");
            if let Some(at) = found {
                break at;
            }
            if !self.more().await {
                return None;
            }
        };
        let text = String::from_utf8(self.unread[..end].to_vec()).unwrap();
        self.unread.drain(..end + 4);
        let mut lines = text.split("\r\n");
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply {
            status,
            headers,
            bytes: Vec::new(),
        };
        let length = reply
            .header("content-length")
            .map(|text| text.parse().unwrap());
        let length = if head || status == 204 || status == 304 {
            0
        } else {
            length.unwrap_or(0)
        };
        while self.unread.len() < length {
            if !self.more().await {
                return None;
            }
        }
        reply.bytes = self.unread.drain(..length).collect();
        Some(reply)
    }
}
