//! A small blocking HTTP client: one connection, kept open, and nothing it does not need.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.body)))
    }

    /// Itself, if the status is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        self
    }

    /// The `id` of the resource in the body.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        let body = self.json();
        body["id"]
            .as_str()
            .expect("a resource has an id")
            .to_owned()
    }
}

/// A client with a token.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    token: String,
    /// Where the request comes from, as a proxy says it.
    address_before_proxy: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self {
            address,
            token: token.to_owned(),
            address_before_proxy: None,
            connection: None,
        }
    }

    /// The same, as if a proxy on this machine passed its requests on for this address.
    pub(crate) fn coming_from(mut self, address: String) -> Self {
        self.address_before_proxy = Some(address);
        self
    }

    /// Sends a request. An error says that the answer did not come: the server may have done it
    /// or not. Nothing is sent twice.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let forwarded = match &self.address_before_proxy {
            Some(address) => format!("X-Forwarded-For: {address}\r\n"),
            None => String::new(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{forwarded}\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                BufReader::new(stream)
            }
        };
        connection.get_mut().write_all(request.as_bytes())?;
        let answer = read(&mut connection)?;
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    #[track_caller]
    fn sent(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.sent("GET", path, None)
    }

    #[track_caller]
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.sent("POST", path, Some(body))
    }

    #[track_caller]
    pub(crate) fn put(&mut self, path: &str, body: &Value) -> Answer {
        self.sent("PUT", path, Some(body))
    }

    #[track_caller]
    pub(crate) fn patch(&mut self, path: &str, body: &Value) -> Answer {
        self.sent("PATCH", path, Some(body))
    }

    /// Makes a user; gives its id.
    #[track_caller]
    pub(crate) fn user(&mut self, name: &str) -> String {
        self.post("/scim/v2/Users", &user(name)).expect(201).id()
    }

    /// Makes a team; gives its id.
    #[track_caller]
    pub(crate) fn team(&mut self, name: &str) -> String {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
        });
        self.post("/scim/v2/Groups", &body).expect(201).id()
    }
}

/// A user as an identity provider sends it.
pub(crate) fn user(name: &str) -> Value {
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "name": { "givenName": "Lena", "familyName": "Ortiz" },
        "emails": [{ "value": format!("{name}@acme.example"), "type": "work", "primary": true }],
    })
}

/// A PATCH with these operations.
pub(crate) fn patch(operations: Value) -> Value {
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

fn read(connection: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let unexpected = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status: u16 = status.ok_or_else(|| unexpected(&first))?;
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| unexpected(&line))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            connection.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| unexpected(&size))?;
            let mut chunk = vec![0; size + 2];
            connection.read_exact(&mut chunk)?;
            answer.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(answer);
            }
        }
    }
    let length = answer.header("content-length").unwrap_or("0").parse();
    answer.body = vec![0; length.map_err(|_| unexpected("Content-Length"))?];
    connection.read_exact(&mut answer.body)?;
    Ok(answer)
}
