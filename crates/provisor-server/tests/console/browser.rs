//! A browser without JavaScript: cookies, forms with their token, and what a page must keep to.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A server that does not answer within this time hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
    /// The form token of the page seen last.
    pub(crate) csrf: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Page {
    /// Every value of a header, in one text.
    pub(crate) fn header(&self, name: &str) -> String {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
        values.join("\n")
    }

    /// Where it sends the browser.
    #[track_caller]
    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, 303, "{}", self.body);
        self.header("location")
    }

    /// The page, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            cookies: BTreeMap::new(),
            csrf: String::new(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, &[("Accept", "text/html")], "").await
    }

    /// Sends a form as the page seen last would.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.csrf.clone();
        self.post_with(path, &csrf, &format!("http://{}", self.address), fields)
            .await
    }

    /// Sends a form with this token, from this origin.
    pub(crate) async fn post_with(
        &mut self,
        path: &str,
        csrf: &str,
        origin: &str,
        fields: &[(&str, &str)],
    ) -> Page {
        let headers = form_headers(origin);
        self.send("POST", path, &headers, &form(csrf, fields)).await
    }

    /// Sends a form as the page seen last would, and waits for no answer: it hangs up when dropped.
    pub(crate) async fn post_and_leave(&self, path: &str, fields: &[(&str, &str)]) -> TcpStream {
        let origin = format!("http://{}", self.address);
        let headers = form_headers(&origin);
        let body = form(&self.csrf, fields);
        self.open("POST", path, &headers, &body).await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Page {
        let mut stream = self.open(method, path, headers, body).await;
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
        let page = page(&bytes);
        self.keep(&page);
        check(method, path, &page);
        page
    }

    /// Opens a stream of server-sent events.
    pub(crate) async fn follow(&self, path: &str) -> Events {
        let headers = [("Accept", "text/event-stream")];
        let stream = self.open("GET", path, &headers, "").await;
        let mut events = Events(BufReader::new(stream));
        let status = events.line().await.unwrap();
        assert!(status.contains(" 200 "), "{status}");
        events
    }

    /// As [`Browser::follow`]; `None` if it is refused.
    pub(crate) async fn try_follow(&self, path: &str) -> Option<Events> {
        let headers = [("Accept", "text/event-stream")];
        let stream = self.open("GET", path, &headers, "").await;
        let mut events = Events(BufReader::new(stream));
        let status = events.line().await?;
        status.contains(" 200 ").then_some(events)
    }

    /// A request to something else than the console.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.tell(method, path, headers, "").await
    }

    /// As [`Browser::ask`], with a body.
    pub(crate) async fn tell(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> u16 {
        let stream = self.open(method, path, headers, body).await;
        let status = Events(BufReader::new(stream)).line().await.unwrap();
        status.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: test browser\r\n\
             Content-Length: {}\r\n",
            self.address,
            body.len()
        );
        if !cookies.is_empty() {
            head += &format!("Cookie: {}\r\n", cookies.join("; "));
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let request = format!("{head}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Sends a cookie's value under another name.
    pub(crate) fn rename_cookie(&mut self, from: &str, to: &str) {
        let value = self.cookies.remove(from).unwrap();
        self.cookies.insert(to.to_owned(), value);
    }

    fn keep(&mut self, page: &Page) {
        for line in page.header("set-cookie").lines() {
            let pair = line.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(line.contains("HttpOnly; SameSite=Lax"), "{line}");
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some((_, rest)) = page.body.split_once("name=\"csrf\" value=\"") {
            self.csrf = rest.split('"').next().unwrap().to_owned();
        }
    }
}

fn form_headers(origin: &str) -> [(&str, &str); 3] {
    [
        ("Accept", "text/html"),
        ("Origin", origin),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
}

fn form(csrf: &str, fields: &[(&str, &str)]) -> String {
    let proof = [("csrf", csrf)];
    let pairs = fields.iter().chain(&proof);
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

/// What holds for every answer of the console.
#[track_caller]
fn check(method: &str, path: &str, page: &Page) {
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    assert!(!page.header("referrer-policy").is_empty(), "{path}");
    assert!(page.header("x-request-id").starts_with("req_"), "{path}");
    if !page.header("content-type").starts_with("text/html") {
        return;
    }
    assert_eq!(page.header("cache-control"), "no-store", "{method} {path}");
    for banned in [
        " style=\"",
        "<style",
        " onclick=",
        "javascript:",
        // What a form's field holds may begin so.
        "src=\"http",
        "href=\"http",
        "action=\"http",
        "=\"//",
    ] {
        assert!(
            !page.body.contains(banned),
            "{method} {path} has {banned}: {}",
            page.body
        );
    }
    let forms = page.body.matches("method=\"post\"").count();
    let tokens = page.body.matches("name=\"csrf\"").count();
    assert_eq!(forms, tokens, "{path}: each form carries its token");
}

fn page(bytes: &[u8]) -> Page {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a whole answer");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    // Pages have a length; files are sent while they are read.
    let is_chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
    let is_file = headers
        .iter()
        .any(|(name, _)| name == "content-disposition");
    assert!(!is_chunked || is_file, "pages have a length");
    let body = match is_chunked {
        true => chunks(&bytes[end + 4..]),
        false => bytes[end + 4..].to_vec(),
    };
    Page {
        status: status.parse().unwrap(),
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}

/// A body that came in chunks, up to its end.
fn chunks(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|two| two == b"\r\n");
        let line = line.expect("a whole body");
        let length = std::str::from_utf8(&bytes[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[line + 2..line + 2 + length]);
        bytes = &bytes[line + 4 + length..];
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A stream of events.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// The next line; `None` at the end.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        let count = tokio::time::timeout(PATIENCE, read).await.unwrap();
        (count.unwrap_or(0) > 0).then_some(line)
    }

    /// The next event's name and text; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        let mut name = None;
        let mut text = String::new();
        while let Some(line) = self.line().await {
            let line = line.trim_end();
            if let Some(event) = line.strip_prefix("event: ") {
                name = Some(event.to_owned());
            } else if let Some(data) = line.strip_prefix("data:") {
                text.push_str(data);
                text.push('\n');
            } else if line.is_empty()
                && let Some(name) = name.take()
            {
                return Some((name, text));
            }
        }
        None
    }
}
