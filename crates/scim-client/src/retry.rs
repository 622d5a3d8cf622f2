//! When a request is sent again, and how long to wait before.

use std::time::Duration;

use reqwest::Method;

use crate::{error::Error, exchange::Answer};

/// How often and how patiently a call is repeated. `send` never repeats; everything typed does.
///
/// Repeated are answers that say the server did nothing (429, and 503 with `Retry-After`), connections
/// that did not come about, and, for methods that may be carried out twice (GET, PUT, DELETE), every
/// 5xx and every lost answer. A POST or PATCH whose answer was lost is never repeated here: the caller knows
/// whether that would make a double.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// How many times a request is sent at most; 1 sends it once.
    pub attempts: u32,
    /// The wait after the first failure where the server names none; it doubles each time.
    pub first_wait: Duration,
    /// No wait is longer, not even one the server asks for: the call fails then.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            attempts: 5,
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_mins(2),
        }
    }
}

impl Retry {
    /// Every request is sent once.
    pub const NEVER: Retry = Retry {
        attempts: 1,
        first_wait: Duration::ZERO,
        longest_wait: Duration::ZERO,
    };

    /// How long to wait before the attempt after this one; `None` when there shall be none.
    pub(crate) fn wait(
        &self,
        attempt: u32,
        method: &Method,
        outcome: Result<&Answer, &Error>,
    ) -> Option<Duration> {
        let repeatable = [Method::GET, Method::PUT, Method::DELETE].contains(method);
        let (again, asked) = match outcome {
            Ok(answer) => {
                let failed = answer.status >= 500 && answer.status != 501;
                let again = answer.is_throttled() || (repeatable && failed);
                (again, answer.retry_after())
            }
            Err(Error::Connect { .. }) => (true, None),
            Err(Error::NoAnswer { .. }) => (repeatable, None),
            Err(_) => (false, None),
        };
        if !again || attempt >= self.attempts {
            return None;
        }
        let wait = match asked {
            Some(asked) if asked > self.longest_wait => return None,
            Some(asked) => asked,
            // Half of it by chance, so that clients that failed together do not come back together.
            None => {
                let full = self.first_wait * 2_u32.pow(attempt.saturating_sub(1).min(16));
                full.min(self.longest_wait)
                    .mul_f64(0.5 + fastrand::f64() / 2.0)
            }
        };
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;

    fn answer(status: u16, retry_after: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        Answer {
            status,
            headers,
            body: Bytes::new(),
        }
    }

    #[test]
    fn what_the_server_did_not_do_is_sent_again() {
        let retry = Retry::default();
        let wait = |method, answer: Answer| retry.wait(1, &method, Ok(&answer));
        assert_eq!(
            wait(Method::POST, answer(429, Some("3"))),
            Some(Duration::from_secs(3))
        );
        assert!(wait(Method::POST, answer(429, None)).unwrap() <= retry.first_wait);
        assert_eq!(wait(Method::POST, answer(503, None)), None);
        assert_eq!(
            wait(Method::POST, answer(503, Some("1"))),
            Some(Duration::from_secs(1))
        );
        assert!(wait(Method::PUT, answer(500, None)).is_some());
        assert_eq!(wait(Method::PUT, answer(501, None)), None);
        assert_eq!(wait(Method::GET, answer(404, None)), None);
        assert_eq!(wait(Method::GET, answer(429, Some("100000"))), None);
        assert_eq!(retry.wait(5, &Method::GET, Ok(&answer(429, None))), None);
    }

    #[test]
    fn a_lost_answer_to_a_post_is_not_sent_again() {
        let lost = |method: &Method| Error::NoAnswer {
            method: method.clone(),
            url: String::new(),
            reason: String::new(),
        };
        let wait = |method: Method| Retry::default().wait(1, &method, Err(&lost(&method)));
        assert_eq!(wait(Method::POST), None);
        assert_eq!(wait(Method::PATCH), None);
        assert!(wait(Method::PUT).is_some());
    }
}
