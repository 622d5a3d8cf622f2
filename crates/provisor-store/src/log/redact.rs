//! Secrets are blotted out before anything is stored; personal values can be masked on the way out.

use std::borrow::Cow;

use scim::fold::fold;

/// What stands in place of a secret.
const BLOT: &str = "[redacted]";

/// A member whose name contains one of these holds a secret.
const SECRET: [&str; 7] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "authorization",
];

/// JSON deeper than this is not looked into.
const DEPTH: usize = 256;

/// The body with every secret replaced by `"[redacted]"`; `None` if it is not well-formed JSON.
///
/// A secret is the value of a member whose name says so (any case, any escape, any depth, also as
/// the end of a path or URN), the `value` beside a `path` that says so (PATCH), a `filter` or
/// `path` that compares with one, and one of this program's tokens in any text.
pub(super) fn redact(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut scan = Scan {
        text,
        at: 0,
        spans: Vec::new(),
    };
    scan.space();
    scan.value(0, "")?;
    scan.space();
    (scan.at == body.len()).then(|| scan.replaced())
}

/// Blots out what an error's text quotes, if it may be a comparison with a secret.
pub(super) fn quotations(text: &mut String) {
    if quotes_secret(text)
        && let (Some(first), Some(last)) = (text.find('"'), text.rfind('"'))
    {
        text.replace_range(first..=last, BLOT);
    }
}

fn quotes_secret(text: &str) -> bool {
    text.contains('"') && is_secret(&fold(text))
}

/// A well-formed piece of JSON and where it is to be replaced.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Byte ranges of values to replace.
    spans: Vec<(usize, usize)>,
}

impl<'a> Scan<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// One value; `member` is the folded name it stands under. The text, if it is one.
    fn value(&mut self, depth: usize, member: &str) -> Option<Option<Cow<'a, str>>> {
        let start = self.at;
        match self.byte()? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth, member)?,
            b'"' => {
                let text = self.string()?;
                let compares = matches!(member, "filter" | "path")
                    && is_secret(&fold(&text))
                    && !text.bytes().all(is_path);
                let quotes = member == "detail" && quotes_secret(&text);
                if compares || quotes || holds_token(&text) {
                    self.spans.push((start, self.at));
                }
                return Some(Some(text));
            }
            _ => self.scalar()?,
        }
        Some(None)
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if depth == DEPTH {
            return None;
        }
        self.at += 1;
        self.space();
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut secret_path = false;
        let mut values = Vec::new();
        loop {
            self.space();
            let name_at = self.at;
            let name = self.string()?;
            if holds_token(&name) {
                self.spans.push((name_at, self.at));
            }
            let name = folded(name);
            self.space();
            self.eat(b':')?;
            self.space();
            let start = self.at;
            let text = self.value(depth + 1, &name)?;
            if is_secret(&name) {
                self.spans.push((start, self.at));
            } else if name == "value" {
                values.push((start, self.at));
            } else if name == "path" {
                secret_path |= text.is_some_and(|path| is_secret(&fold(&path)));
            }
            self.space();
            match self.byte()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.at += 1;
        if secret_path {
            self.spans.append(&mut values);
        }
        Some(())
    }

    fn array(&mut self, depth: usize, member: &str) -> Option<()> {
        if depth == DEPTH {
            return None;
        }
        self.at += 1;
        self.space();
        if self.byte()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            self.value(depth + 1, member)?;
            self.space();
            match self.byte()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    /// A string without its quotes and escapes.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.eat(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += memchr::memchr2(b'"', b'\\', rest)?;
            if self.byte()? == b'"' {
                break;
            }
            escaped = true;
            self.at += 2;
        }
        let text = self.text.get(start..self.at)?;
        self.at += 1;
        if escaped {
            let quoted = self.text.get(start - 1..self.at)?;
            return serde_json::from_str(quoted).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(text))
    }

    /// A number or literal; only its end matters here.
    fn scalar(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(
            self.byte(),
            Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
        ) {
            self.at += 1;
        }
        serde_json::from_str::<serde::de::IgnoredAny>(self.text.get(start..self.at)?).ok()?;
        Some(())
    }

    fn replaced(mut self) -> Vec<u8> {
        self.spans
            .sort_unstable_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)));
        let mut out = Vec::with_capacity(self.text.len());
        let mut done = 0;
        for (start, end) in self.spans {
            if start < done {
                continue;
            }
            out.extend_from_slice(&self.text.as_bytes()[done..start]);
            out.push(b'"');
            out.extend_from_slice(BLOT.as_bytes());
            out.push(b'"');
            done = end;
        }
        out.extend_from_slice(&self.text.as_bytes()[done..]);
        out
    }
}

fn folded(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => fold(name),
        Cow::Owned(name) => Cow::Owned(fold(&name).into_owned()),
    }
}

/// True if a folded name, path or filter speaks of a secret.
fn is_secret(folded: &str) -> bool {
    folded.len() >= 5 && SECRET.iter().any(|word| folded.contains(word))
}

/// True for the characters of an attribute path without a filter.
fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".:-_$".contains(&byte)
}

/// Start of this program's tokens, see [`crate::token::PATTERN`].
const TOKEN: [&str; 2] = ["pvr_scim_", "pvr_api_"];

fn holds_token(text: &str) -> bool {
    text.contains("pvr_") && TOKEN.iter().any(|prefix| text.contains(prefix))
}

/// Blots out tokens in plain text, then cuts it to at most `limit` bytes.
pub(super) fn tidy(text: &mut String, limit: usize) {
    if holds_token(text) {
        *text = without_tokens(text);
    }
    if text.len() > limit {
        let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
    }
}

fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = TOKEN.iter().filter_map(|prefix| rest.find(prefix)).min() {
        let (before, token) = rest.split_at(start);
        out.push_str(before);
        out.push_str(BLOT);
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '_';
        rest = token.trim_start_matches(is_token);
    }
    out.push_str(rest);
    out
}

/// A query with secrets blotted out: parameters named like one, and filters that speak of one.
pub(super) fn query(query: &str) -> String {
    parts(query, |name, value, decoded| {
        let secret = is_secret(&fold(name)) || is_secret(&fold(decoded)) || holds_token(decoded);
        let shown = if secret { BLOT } else { value };
        Cow::Borrowed(shown)
    })
}

/// A query with personal values masked.
pub(super) fn mask_query(query: &str) -> String {
    parts(query, |name, value, decoded| {
        if name.eq_ignore_ascii_case("filter") {
            Cow::Owned(encode(&mask_text(decoded)))
        } else if decoded.contains('@') {
            Cow::Owned(encode(&mask_word(decoded)))
        } else {
            Cow::Borrowed(value)
        }
    })
}

/// A path with what may name a person masked: what stands behind the endpoint and is no id, and
/// what stands where an endpoint should and is none.
pub(super) fn mask_path(path: &str) -> String {
    // Words behind the version: a tenant's slug, then the endpoint, which begins with a capital.
    let mut words = None;
    let mut behind = false;
    let segments = path.split('/').map(|segment| {
        let is_word = segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_endpoint =
            segment == ".search" || segment.starts_with(|c: char| c.is_ascii_uppercase());
        let is_place = is_word && !behind && (is_endpoint || words.is_none_or(|words| words == 0));
        let stays = is_place || segment == ".search" || segment.parse::<crate::Id>().is_ok();
        words = words
            .map(|words| words + 1)
            .or((segment == "v2").then_some(0));
        behind |= is_endpoint && words.is_some();
        if stays {
            segment.to_owned()
        } else {
            encode(&mask_word(&decode(segment)))
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Rewrites each value of a query; the function gets the decoded name, the value, and it decoded.
fn parts<'a>(query: &'a str, rewrite: impl Fn(&str, &'a str, &str) -> Cow<'a, str>) -> String {
    let mut out = String::with_capacity(query.len());
    for (i, part) in query.split('&').enumerate() {
        if i > 0 {
            out.push('&');
        }
        let (name, value) = part.split_once('=').unwrap_or(("", part));
        let rewritten = rewrite(&decode(name), value, &decode(value));
        if part.contains('=') {
            out.push_str(name);
            out.push('=');
        }
        out.push_str(&rewritten);
    }
    out
}

/// JSON with the escapes in its strings resolved, also cut off anywhere. No JSON any more.
pub(super) fn unescape(json: &str) -> Cow<'_, str> {
    if !json.contains('\\') {
        return Cow::Borrowed(json);
    }
    let mut units: Vec<u16> = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        let mut escape = rest[at + 1..].chars();
        match escape.next() {
            Some('u') => {
                // What was cut off within its digits is no more.
                let (digits, after) = escape.as_str().split_at_checked(4).unwrap_or_default();
                units.extend(u16::from_str_radix(digits, 16));
                rest = after;
            }
            Some('b' | 'f' | 'n' | 'r' | 't') => {
                units.push(u16::from(b' '));
                rest = escape.as_str();
            }
            // A quotation mark, a slash or a backslash stands for itself.
            Some(_) => {
                units.extend(rest[at + 1..].encode_utf16().take(1));
                rest = escape.as_str();
            }
            None => rest = "",
        }
    }
    units.extend(rest.encode_utf16());
    Cow::Owned(String::from_utf16_lossy(&units))
}

/// Percent-decoding, twice where it was done twice, so that nothing hides in it.
pub(super) fn decode(text: &str) -> String {
    let once = decode_once(text);
    if once.contains('%') {
        decode_once(&once)
    } else {
        once
    }
}

fn decode_once(text: &str) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2)));
        match (byte, pair) {
            (b'%', Some((high, low))) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' => out.push_str("%20"),
            '"' => out.push_str("%22"),
            '#' => out.push_str("%23"),
            '%' => out.push_str("%25"),
            '&' => out.push_str("%26"),
            '+' => out.push_str("%2B"),
            _ => out.push(c),
        }
    }
    out
}

/// Members whose values say nothing about a person.
const IMPERSONAL: [&str; 24] = [
    "$ref",
    "bulkid",
    "count",
    "created",
    "cursor",
    "id",
    "itemsperpage",
    "lastmodified",
    "location",
    "method",
    "nextcursor",
    "op",
    "resourcetype",
    "schemas",
    "scimtype",
    "sortby",
    "sortorder",
    "startindex",
    "status",
    "totalresults",
    "type",
    "version",
    "attributes",
    "excludedattributes",
];

/// JSON, also cut off anywhere, with personal values masked.
pub fn mask(json: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(json);
    let mut out = String::with_capacity(text.len());
    let mut member = String::new();
    let mut rest = &*text;
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let end = string_end(rest);
            let (string, after) = rest.split_at(end);
            let inner = string.trim_matches('"');
            if after.trim_start().starts_with(':') {
                member = fold(inner).into_owned();
                out.push_str(string);
            } else if is_impersonal(&member) || inner.is_empty() || inner == BLOT {
                out.push_str(string);
            } else {
                let masked = match &*member {
                    "filter" | "path" | "detail" => mask_text(&inner.replace("\\\"", "\"")),
                    _ => mask_word(inner),
                };
                out.push('"');
                out.push_str(&masked.replace('\\', "").replace('"', "\\\""));
                out.push('"');
            }
            rest = after;
        } else if c.is_ascii_digit() || c == '-' {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c))
                .unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            out.push_str(if is_impersonal(&member) { number } else { "0" });
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out.into_bytes()
}

fn is_impersonal(member: &str) -> bool {
    IMPERSONAL.contains(&member)
}

/// Where the string at the start of `text` ends: behind its closing quote or at the end of all.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Prose or a filter with what is quoted, and words with an at sign, masked.
pub fn mask_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start);
        out.push_str(&mask_words(before));
        let end = string_end(quoted);
        let (string, after) = quoted.split_at(end);
        out.push('"');
        out.push_str(&mask_word(string.trim_matches('"')));
        out.push('"');
        rest = after;
    }
    out.push_str(&mask_words(rest));
    out
}

fn mask_words(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        if word.contains('@') {
            mask_word(word)
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `lena@example.com` becomes `l***@example.com`, `Lena` becomes `L***`.
pub fn mask_word(word: &str) -> String {
    let Some(first) = word.chars().next().filter(|c| *c != '\\') else {
        return "***".to_owned();
    };
    match word.rsplit_once('@') {
        Some((_, domain)) => format!("{first}***@{domain}"),
        None => format!("{first}***"),
    }
}

#[cfg(test)]
mod tests;
