//! Passwords: argon2id, off the threads that serve, and few at a time.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use provisor_store::PasswordHash;
use tokio::sync::Semaphore;

use super::Problem;

/// Characters of a password.
pub(crate) const SHORTEST: usize = 12;
const LONGEST: usize = 1024;

/// Each needs 19 MiB and tens of milliseconds of a core.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// What is checked when nobody has the e-mail, so that it takes as long as a wrong password.
static NOBODY: LazyLock<Option<PasswordHash>> = LazyLock::new(|| hash_now("nobody has this").ok());

/// Hashes a new password. `Ok(Err(_))` says what is wrong with it.
pub(crate) async fn hash(password: &str) -> Result<Result<PasswordHash, String>, Problem> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Ok(Err(format!(
            "The password has {length} characters. Use at least {SHORTEST}; several words are good."
        )));
    }
    if password.len() > LONGEST {
        return Ok(Err(format!(
            "The password is longer than {LONGEST} bytes. Use a shorter one."
        )));
    }
    let password = password.to_owned();
    work(move || hash_now(&password)).await?.map(Ok)
}

/// True if the password is the one of this hash; takes its time also if there is none.
pub(crate) async fn is_right(
    password: &str,
    stored: Option<PasswordHash>,
) -> Result<bool, Problem> {
    if password.len() > LONGEST {
        return Ok(false);
    }
    let password = password.to_owned();
    work(move || {
        let known = stored.is_some();
        let Some(hash) = stored.or_else(|| NOBODY.clone()) else {
            return false;
        };
        let verified = phc::PasswordHash::new(&hash.0).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        });
        verified && known
    })
    .await
}

fn hash_now(password: &str) -> Result<PasswordHash, Problem> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| PasswordHash(hash.to_string()))
        .map_err(|error| Problem::internal(&error))
}

async fn work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let _turn = AT_ONCE
        .acquire()
        .await
        .map_err(|error| Problem::internal(&error))?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        assert!(hash("too short").await.unwrap().is_err());
        let stored = hash("correct horse battery").await.unwrap().unwrap();
        assert!(stored.0.starts_with("$argon2id$"), "{}", stored.0);
        let right = |password: &'static str, stored| async move {
            is_right(password, stored).await.unwrap()
        };
        assert!(right("correct horse battery", Some(stored.clone())).await);
        assert!(!right("correct horse batterx", Some(stored)).await);
        assert!(!right("nobody has this", None).await);
    }
}
