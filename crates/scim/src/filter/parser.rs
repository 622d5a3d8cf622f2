//! Filter text to tree: recursive descent, one pass, bounded in length, depth and terms.
//!
//! Forms that only some profiles forgive are kept in the tree, for `resolve` to judge.

use serde_json::Number;

use super::{Expression, Limits, Operator};
use crate::{Error, Value};

/// A filter as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare {
        name: String,
        op: Operator,
        value: Given,
    },
    Present(String),
    Element {
        name: String,
        filter: Box<Node>,
        /// `.sub op value` or `.sub pr` behind the bracket, as Entra sends it.
        then: Option<Box<Node>>,
    },
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) form: Form,
    /// The text it was read from.
    pub(super) raw: String,
    /// What is wrong with its notation.
    pub(super) loose: Option<Loose>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loose {
    Unquoted,
    SingleQuoted,
    NoSpace,
}

impl Node {
    /// Names and values of a filter that is nothing but `eq` joined by `and`, as written.
    pub(super) fn equalities(&self) -> Option<Vec<(&str, Value)>> {
        match self {
            Node::Compare {
                name,
                op: Operator::Eq,
                value,
            } => {
                let value = match &value.form {
                    Form::Null => return None,
                    Form::Boolean(flag) => Value::Bool(*flag),
                    Form::Number(number) => Value::Number(number.clone()),
                    Form::Text(text) => Value::String(text.clone()),
                };
                Some(vec![(name, value)])
            }
            Node::And(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(part.equalities()?);
                }
                Some(all)
            }
            _ => None,
        }
    }
}

/// The path of a PATCH operation, RFC 7644 section 3.5.2: `attribute`, `attribute[filter]` or
/// `attribute[filter].sub`; without filter, `name` holds the sub-attribute as well.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuePath {
    /// Attribute path as written, not yet resolved.
    pub name: String,
    /// What stands in brackets; resolve it with [`Expression::resolve_element`].
    pub filter: Option<Expression>,
    /// The sub-attribute behind the brackets.
    pub sub: Option<String>,
}

impl ValuePath {
    /// Parses a path.
    ///
    /// Errors: 400 `invalidFilter` inside the brackets, 400 `invalidPath` elsewhere.
    pub fn parse(text: &str, limits: &Limits) -> Result<ValuePath, Error> {
        let mut parser = Parser::new(text, limits)?;
        parser.space();
        let name = parser.word().to_owned();
        if name.is_empty() {
            return Err(parser.path_error("an attribute name"));
        }
        let mut path = ValuePath {
            name,
            filter: None,
            sub: None,
        };
        parser.space();
        if parser.eat(b'[') {
            path.filter = Some(Expression {
                root: parser.brackets()?,
            });
            if parser.eat(b'.') {
                let sub = parser.word();
                if sub.is_empty() {
                    return Err(parser.path_error("a sub-attribute name"));
                }
                path.sub = Some(sub.to_owned());
            }
            parser.space();
        }
        if parser.at < text.len() {
            return Err(parser.path_error("the end of the path"));
        }
        Ok(path)
    }
}

/// Beyond this the call stack would decide, whatever the configuration says.
const MAX_DEPTH: usize = 128;

const OPERATORS: &str = "eq, ne, co, sw, ew, gt, ge, lt, le or pr";

pub(super) fn expression(text: &str, limits: &Limits) -> Result<Node, Error> {
    let mut parser = Parser::new(text, limits)?;
    parser.space();
    if parser.at == text.len() {
        return Err(Error::invalid_filter(
            "The filter is empty. Leave it out to list everything, or write one such as userName eq \"bjensen\".",
        ));
    }
    let node = parser.any_of()?;
    if parser.at < text.len() {
        return Err(parser.expected(if parser.peek() == Some(b')') {
            "the end of the filter; this parenthesis closes nothing"
        } else {
            "and, or, or the end of the filter"
        }));
    }
    Ok(node)
}

struct Parser<'t> {
    text: &'t str,
    /// Byte offset, always at a character boundary.
    at: usize,
    limits: Limits,
    depth: usize,
    terms: usize,
    in_brackets: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.length {
            return Err(Error::invalid_filter(format!(
                "The filter is {} bytes long, the limit is {}. Split it into several requests.",
                text.len(),
                limits.length
            )));
        }
        Ok(Self {
            text,
            at: 0,
            limits: *limits,
            depth: 0,
            terms: 0,
            in_brackets: false,
        })
    }

    /// `a or b or …`
    fn any_of(&mut self) -> Result<Node, Error> {
        let first = self.all_of()?;
        if !self.keyword("or") {
            return Ok(first);
        }
        let mut parts = vec![first];
        loop {
            parts.push(self.all_of()?);
            if !self.keyword("or") {
                return Ok(Node::Or(parts));
            }
        }
    }

    /// `a and b and …`, which binds closer than `or`.
    fn all_of(&mut self) -> Result<Node, Error> {
        let first = self.term()?;
        if !self.keyword("and") {
            return Ok(first);
        }
        let mut parts = vec![first];
        loop {
            parts.push(self.term()?);
            if !self.keyword("and") {
                return Ok(Node::And(parts));
            }
        }
    }

    fn term(&mut self) -> Result<Node, Error> {
        self.space();
        if self.peek() == Some(b'(') {
            return self.parentheses();
        }
        let start = self.at;
        let name = self.word();
        if name.is_empty() {
            return Err(self.expected("an attribute name, not or an opening parenthesis"));
        }
        let spaced = self.space();
        if name.eq_ignore_ascii_case("not") {
            if self.peek() == Some(b'(') {
                return Ok(Node::Not(Box::new(self.parentheses()?)));
            }
            if operator(self.next_word()).is_none() {
                return Err(self.expected("an opening parenthesis after not"));
            }
        }
        if self.peek() == Some(b'[') && !spaced {
            return self.value_path(name, start);
        }
        self.comparison(name)
    }

    fn parentheses(&mut self) -> Result<Node, Error> {
        self.enter()?;
        let open = self.at;
        self.at += 1;
        let inner = self.any_of()?;
        if !self.eat(b')') {
            return Err(self.expected(&format!(
                "and, or, or the closing parenthesis of the one at character {}",
                self.position(open)
            )));
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn value_path(&mut self, name: &str, start: usize) -> Result<Node, Error> {
        if self.in_brackets {
            self.at = start;
            return Err(self.expected(
                "a comparison of a sub-attribute; brackets inside brackets are not allowed",
            ));
        }
        self.at += 1;
        let filter = Box::new(self.brackets()?);
        let then = if self.eat(b'.') {
            let sub = self.word();
            if sub.is_empty() {
                return Err(self.expected("a sub-attribute name"));
            }
            self.space();
            Some(Box::new(self.comparison(sub)?))
        } else {
            None
        };
        Ok(Node::Element {
            name: name.to_owned(),
            filter,
            then,
        })
    }

    /// What follows an opening bracket, up to and with the closing one.
    fn brackets(&mut self) -> Result<Node, Error> {
        self.enter()?;
        self.in_brackets = true;
        let inner = self.any_of()?;
        if !self.eat(b']') {
            return Err(self.expected("and, or, or a closing bracket"));
        }
        self.in_brackets = false;
        self.depth -= 1;
        Ok(inner)
    }

    /// `op value` or `pr`, behind the name.
    fn comparison(&mut self, name: &str) -> Result<Node, Error> {
        self.terms += 1;
        if self.terms > self.limits.terms {
            return Err(Error::invalid_filter(format!(
                "The filter has more than {} comparisons, which is the limit. Split it into several requests.",
                self.limits.terms
            )));
        }
        let word = self.next_word();
        let name = name.to_owned();
        if word.eq_ignore_ascii_case("pr") {
            self.at += word.len();
            return Ok(Node::Present(name));
        }
        let Some(op) = operator(word) else {
            return Err(if word.is_empty() {
                self.expected(&format!(
                    "an operator ({OPERATORS}) after {}",
                    quoted(&name)
                ))
            } else {
                Error::invalid_filter(format!(
                    "The filter has an unknown operator {} at character {}. Use {OPERATORS}.",
                    quoted(word),
                    self.position(self.at)
                ))
            });
        };
        self.at += word.len();
        let spaced = self.space();
        let mut value = self.value()?;
        if !spaced {
            value.loose = Some(Loose::NoSpace);
        }
        if !matches!(
            self.peek(),
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b')' | b']')
        ) {
            return Err(self.expected("a space after the value"));
        }
        Ok(Node::Compare { name, op, value })
    }

    fn value(&mut self) -> Result<Given, Error> {
        let start = self.at;
        let rest = &self.text[start..];
        let (form, loose) = match self.peek() {
            Some(b'"') => {
                self.at += self.quoted_length(b'"')?;
                let form = serde_json::from_str(&self.text[start..self.at]).map_err(|_| {
                    self.at = start;
                    self.expected("a JSON string; write \\\" and \\\\ for quote and backslash, and \\u00XX for control characters")
                })?;
                (Form::Text(form), None)
            }
            Some(b'\'') => {
                self.at += self.quoted_length(b'\'')?;
                let inner = &self.text[start + 1..self.at - 1];
                let text = inner.replace("\\'", "'").replace("\\\\", "\\");
                (Form::Text(text), Some(Loose::SingleQuoted))
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"'))
                    .unwrap_or(rest.len());
                self.at += end;
                match &rest[..end] {
                    "" => {
                        return Err(self.expected(
                            "a value: a string in double quotes, a number, true, false or null",
                        ));
                    }
                    "null" => (Form::Null, None),
                    "true" => (Form::Boolean(true), None),
                    "false" => (Form::Boolean(false), None),
                    word => match serde_json::from_str(word) {
                        Ok(number) => (Form::Number(number), None),
                        Err(_) => (Form::Text(word.to_owned()), Some(Loose::Unquoted)),
                    },
                }
            }
        };
        Ok(Given {
            form,
            raw: self.text[start..self.at].to_owned(),
            loose,
        })
    }

    /// Bytes of the quoted text that starts here, with both quotes.
    fn quoted_length(&self, quote: u8) -> Result<usize, Error> {
        let bytes = &self.text.as_bytes()[self.at..];
        let mut i = 1;
        while i < bytes.len() {
            match bytes[i] {
                b'\\' => i += 2,
                b if b == quote => return Ok(i + 1),
                _ => i += 1,
            }
        }
        Err(self.expected("a string with a closing quote"))
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        let limit = self.limits.depth.min(MAX_DEPTH);
        if self.depth > limit {
            return Err(Error::invalid_filter(format!(
                "The filter nests deeper than {limit} levels at character {}, which is the limit. Write it with fewer parentheses.",
                self.position(self.at)
            )));
        }
        Ok(())
    }

    /// Eats the keyword, if it comes next.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.space();
        let word = self.next_word();
        let found = word.eq_ignore_ascii_case(keyword);
        if found {
            self.at += word.len();
        }
        found
    }

    /// Eats an attribute path, operator or keyword; may be empty. URNs bring `:`, `.` and more,
    /// sub-attributes `$` (`$ref`, erratum 8924).
    fn word(&mut self) -> &'t str {
        let word = self.next_word();
        self.at += word.len();
        word
    }

    /// As [`Parser::word`], without eating it.
    fn next_word(&self) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-_$.:/%+@~#".contains(c)))
            .unwrap_or(rest.len());
        &rest[..end]
    }

    fn space(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.at > start
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    /// Counted in characters from 1, as people count.
    fn position(&self, at: usize) -> usize {
        self.text[..at].chars().count() + 1
    }

    fn expected(&self, what: &str) -> Error {
        Error::invalid_filter(format!("The filter is not valid: {}.", self.found(what)))
    }

    fn path_error(&self, what: &str) -> Error {
        Error::invalid_path(format!(
            "The path is not valid: {}. Write it like emails[type eq \"work\"].value.",
            self.found(what)
        ))
    }

    fn found(&self, what: &str) -> String {
        let position = self.position(self.at);
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return format!("it ends at character {position}, where {what} was expected");
        }
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_whitespace() || "()[]\"".contains(*c))
            .map_or(rest.len(), |(end, _)| end);
        let found = quoted(&rest[..end]);
        format!("at character {position}, expected {what}, found {found}")
    }
}

fn operator(word: &str) -> Option<Operator> {
    Operator::ALL
        .iter()
        .copied()
        .find(|op| op.as_str().eq_ignore_ascii_case(word))
}

/// A piece of a request for an error: in quotes, short, without control characters.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
