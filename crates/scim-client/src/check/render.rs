//! A report as text for people, JSON for programs, JUnit for build servers, Markdown for tickets.

mod json;
mod junit;
mod markdown;
mod text;
