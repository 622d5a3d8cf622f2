//! The proxy between an identity provider and its target: what goes wrong on the way, by count, not by chance.

use std::time::Duration;

/// The weather on the way while a scenario plays: which faults come, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Throttled,
    TokenExpired,
    Slow,
    Flaky,
}

/// What happens to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is answered by the proxy with this status and `Retry-After`, and never arrives.
    Answer(u16, Option<u64>),
    /// It is sent with a token that has expired.
    Expired,
    /// Its answer takes so much longer.
    Late(Duration),
    /// It is lost before it arrives.
    Lost,
    /// It arrives, and its answer is lost.
    AnswerLost,
}

impl Weather {
    /// What happens to the message of this number, counted from 1.
    pub(crate) fn at(self, number: u64) -> Option<Fault> {
        match self {
            // All lanes meet it at once, as with a limit per tenant.
            Weather::Throttled => (392..400)
                .contains(&(number % 800))
                .then_some(Fault::Answer(429, Some(1))),
            Weather::TokenExpired => (200..205).contains(&number).then_some(Fault::Expired),
            Weather::Slow => match number % 60 {
                59 => Some(Fault::AnswerLost),
                19 | 39 => Some(Fault::Late(Duration::from_millis(100))),
                _ => None,
            },
            Weather::Flaky => match number % 50 {
                9 => Some(Fault::Answer(503, None)),
                19 => Some(Fault::Answer(500, None)),
                29 => Some(Fault::Lost),
                39 => Some(Fault::AnswerLost),
                _ => None,
            },
        }
    }
}

impl Fault {
    /// What it is called in reports.
    pub(crate) fn says(self) -> String {
        match self {
            Fault::Answer(status, Some(after)) => format!("{status} with Retry-After: {after}"),
            Fault::Answer(status, None) => format!("{status}"),
            Fault::Expired => "expired token".to_owned(),
            Fault::Late(by) => format!("answer {} ms late", by.as_millis()),
            Fault::Lost => "connection lost before the request arrived".to_owned(),
            Fault::AnswerLost => "answer lost after the request arrived".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weather_brings_faults_and_most_messages_pass() {
        for weather in [
            Weather::Throttled,
            Weather::TokenExpired,
            Weather::Slow,
            Weather::Flaky,
        ] {
            let faults = (1..=400).filter_map(|number| weather.at(number)).count();
            assert!((1..=40).contains(&faults), "{weather:?}: {faults}");
        }
    }
}
