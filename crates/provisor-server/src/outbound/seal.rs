//! Credentials of targets, encrypted with a key that is outside the database and its backups.

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use provisor_store::{
    TargetChange, TargetId, TenantId,
    target::{Sealed, Target},
};
use sha2::{Digest, Sha256};

use super::settings::TargetSettings;

/// The form of a sealed secret, before all else.
const FORM: u8 = 2;
/// Bytes that say for whom a secret was given, after that.
const RECEIVERS: usize = 32;
/// Bytes of a nonce, before the encrypted text.
const NONCE: usize = 12;

/// What a secret was sealed for: the target, and whom it is sent to.
type Place = (TenantId, TargetId, [u8; RECEIVERS]);

/// The key that seals credentials, and where it comes from.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretKey(Origin);

#[derive(Clone, PartialEq, Eq, Default)]
enum Origin {
    /// A file beside the database.
    #[default]
    Beside,
    /// A text of the operator's, from the environment.
    Text(String),
    /// A file, made at first use.
    File(PathBuf),
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// The key that this text makes. It should be as long and as random as `openssl rand -base64 32` prints.
    ///
    /// # Errors
    /// When it is too short to be a key.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < 32 {
            return Err(
                "PROVISOR_SECRET_KEY has fewer than 32 characters. Make one with `openssl rand -base64 32`."
                    .to_owned(),
            );
        }
        Ok(Self(Origin::Text(text.to_owned())))
    }

    /// The key in a file, which is made when something is sealed for the first time.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self(Origin::File(path.into()))
    }

    /// The same; where nothing else was said, the key is in a file beside this database.
    pub fn for_database(&self, database: &Path) -> Self {
        match &self.0 {
            Origin::Beside => Self::in_file(database.with_extension("key")),
            _ => self.clone(),
        }
    }

    /// The change that sets a target's credentials.
    ///
    /// # Errors
    /// When there is no key and none can be made.
    pub fn seal_of(&self, target: &Target, secret: &str) -> Result<TargetChange, String> {
        let sealed = self.seal(target, &TargetSettings::of(target)?, secret)?;
        Ok(TargetChange::Set {
            id: target.id,
            name: None,
            settings: None,
            active: None,
            credentials: Some(Some(sealed)),
        })
    }

    /// A target's credentials, if it has some.
    ///
    /// # Errors
    /// When the key is missing or another one, or the secret was given for another address.
    pub fn open_of(&self, target: &Target) -> Result<Option<String>, String> {
        let Some(sealed) = &target.credentials else {
            return Ok(None);
        };
        let place = place(target, &TargetSettings::of(target)?);
        self.open(place, sealed).map(Some)
    }

    /// Seals a secret for one target with these settings. It opens for no other target and no other address: should the
    /// address change in the same moment, by whomever, the secret does not follow it.
    ///
    /// # Errors
    /// When there is no key and none can be made.
    pub fn seal(
        &self,
        target: &Target,
        settings: &TargetSettings,
        secret: &str,
    ) -> Result<Sealed, String> {
        self.close(place(target, settings), secret)
    }

    fn close(&self, place: Place, secret: &str) -> Result<Sealed, String> {
        let cipher = self.cipher(true)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| format!("There is no randomness: {error}."))?;
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: &bound(place),
        };
        let text = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| "The credentials could not be encrypted.".to_owned())?;
        let (_, _, receivers) = place;
        Ok(Sealed(
            [&[FORM], receivers.as_slice(), nonce.as_slice(), &text].concat(),
        ))
    }

    fn open(&self, place: Place, sealed: &Sealed) -> Result<String, String> {
        let wrong = || {
            "The credentials of the target cannot be decrypted: the key is another one than when they were set. Put the old key \
             back, or set the credentials again with `provisor push target set --secret-file`."
                .to_owned()
        };
        let cipher = self.cipher(false)?;
        let Some((&FORM, rest)) = sealed.0.split_first() else {
            return Err(
                "The credentials of the target were encrypted by another version of Provisor, whose form this one does not \
                 know. Set them again with `provisor push target set --secret-file`."
                    .to_owned(),
            );
        };
        let split = rest.split_first_chunk::<RECEIVERS>();
        let (receivers, rest) = split.ok_or_else(wrong)?;
        if *receivers != place.2 {
            return Err(
                "The credentials of the target were given for another address or another way to sign in, and are not sent to \
                 this one. Look whether the address is right, then set them again with `provisor push target set --secret-file`."
                    .to_owned(),
            );
        }
        let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or_else(wrong)?;
        let payload = Payload {
            msg: text,
            aad: &bound(place),
        };
        let secret = cipher
            .decrypt(&Nonce::from(*nonce), payload)
            .map_err(|_| wrong())?;
        String::from_utf8(secret).map_err(|_| wrong())
    }

    fn cipher(&self, make: bool) -> Result<ChaCha20Poly1305, String> {
        let text = match &self.0 {
            Origin::Text(text) => text.clone(),
            Origin::File(path) => read_key(path, make)?,
            Origin::Beside => {
                return Err("It is not said where the key of the credentials is.".to_owned());
            }
        };
        // Any text becomes 32 bytes; it is random, so nothing slower is needed.
        let key: [u8; 32] = Sha256::digest(text.trim().as_bytes()).into();
        Ok(ChaCha20Poly1305::new(&key.into()))
    }
}

fn place(target: &Target, settings: &TargetSettings) -> Place {
    let receivers = Sha256::digest(settings.receivers().as_bytes()).into();
    (target.tenant, target.id, receivers)
}

/// What an encrypted secret belongs to.
fn bound((tenant, target, receivers): Place) -> Vec<u8> {
    let place = format!("provisor target {tenant} {target} ");
    [place.as_bytes(), &receivers].concat()
}

fn read_key(path: &Path, make: bool) -> Result<String, String> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            check_mode(path)?;
            if text.trim().len() < 32 {
                return Err(format!(
                    "The key file {shown} holds no key. Put the one it held back."
                ));
            }
            Ok(text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && make => make_key(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!(
            "There is no key file {shown}, so the credentials of targets cannot be decrypted. Put it back, name it with \
             PROVISOR_SECRET_KEY_FILE, or set the credentials again."
        )),
        Err(error) => Err(format!("The key file {shown} cannot be read: {error}.")),
    }
}

fn make_key(path: &Path) -> Result<String, String> {
    use std::io::Write;
    let failed =
        |error: std::io::Error| format!("The key file {} cannot be made: {error}.", path.display());
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| format!("There is no randomness: {error}."))?;
    let text = BASE64_STANDARD.encode(key);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            writeln!(file, "{text}").map_err(failed)?;
            file.sync_all().map_err(failed)?;
            Ok(text)
        }
        // Somebody else made it at the same moment.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => read_key(path, false),
        Err(error) => Err(failed(error)),
    }
}

/// A key that others on the machine may read is none.
fn check_mode(path: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mode = std::fs::metadata(path)
            .map_err(|error| format!("The key file {} cannot be read: {error}.", path.display()))?
            .mode();
        if mode & 0o077 != 0 {
            return Err(format!(
                "Others may read the key file {}. Run `chmod 600` on it, and set new credentials if somebody may have read it.",
                path.display()
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = (TenantId(1), TargetId(2), [3; RECEIVERS]);

    #[test]
    fn a_secret_opens_for_its_target_and_its_key_alone() {
        let key = SecretKey::from_text(&"k".repeat(40)).unwrap();
        let sealed = key.close(PLACE, "s3cret").unwrap();
        assert_eq!(key.open(PLACE, &sealed).unwrap(), "s3cret");
        let (tenant, target, receivers) = PLACE;
        assert!(key.open((TenantId(2), target, receivers), &sealed).is_err());
        let elsewhere = (tenant, target, [4; RECEIVERS]);
        assert!(
            key.open(elsewhere, &sealed)
                .unwrap_err()
                .contains("another address")
        );
        // Whoever can write to the database cannot say that it was given for them either.
        let mut forged = sealed.clone();
        forged.0[1..=RECEIVERS].copy_from_slice(&[4; RECEIVERS]);
        assert!(key.open(elsewhere, &forged).is_err());
        // One that was sealed before it was said for whom.
        let older = key.open(PLACE, &Sealed(sealed.0[1 + RECEIVERS..].to_vec()));
        assert!(older.unwrap_err().contains("another version"));
        let other = SecretKey::from_text(&"o".repeat(40)).unwrap();
        assert!(
            other
                .open(PLACE, &sealed)
                .unwrap_err()
                .contains("another one")
        );
        assert_ne!(
            key.close(PLACE, "s3cret").unwrap(),
            sealed,
            "a nonce is never used twice"
        );
        assert!(SecretKey::from_text("short").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_made_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("provisor.key");
        let key = SecretKey::in_file(&path);
        assert!(
            key.open(PLACE, &Sealed(vec![3; 90]))
                .unwrap_err()
                .contains("no key file")
        );
        let sealed = key.close(PLACE, "s3cret").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            SecretKey::in_file(&path).open(PLACE, &sealed).unwrap(),
            "s3cret"
        );
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(key.open(PLACE, &sealed).unwrap_err().contains("chmod 600"));
    }
}
