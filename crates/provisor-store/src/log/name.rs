//! Names are indexed by a keyed hash, so that the index of the log is no list of people.

use std::hash::Hasher;

use scim::fold::fold;
use siphasher::sip::SipHasher13;

/// The key of one log file.
#[derive(Clone, Copy)]
pub(super) struct NameKey(pub(super) [u8; 16]);

impl std::fmt::Debug for NameKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameKey")
    }
}

impl NameKey {
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// Hash of a name, without regard to case, width and spaces around it.
    pub(super) fn hash(&self, name: &str) -> i64 {
        let name = name.trim();
        let mut hasher = SipHasher13::new_with_key(&self.0);
        let mut lower = [0; 256];
        match lower.get_mut(..name.len()) {
            Some(lower) if name.is_ascii() => {
                lower.copy_from_slice(name.as_bytes());
                lower.make_ascii_lowercase();
                hasher.write(lower);
            }
            _ => hasher.write(fold(name).as_bytes()),
        }
        hasher.finish().cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_width_and_spaces_make_no_difference_and_the_key_does() {
        let key = NameKey([7; 16]);
        for same in ["LENA@X.io", " lena@x.io ", "ｌena@x.io"] {
            assert_eq!(key.hash(same), key.hash("lena@x.io"), "{same}");
        }
        let long = "a".repeat(300);
        assert_eq!(key.hash(&long.to_uppercase()), key.hash(&long));
        assert_ne!(key.hash("lena@x.io"), key.hash("lena@x.i"));
        assert_ne!(key.hash("lena@x.io"), NameKey([8; 16]).hash("lena@x.io"));
    }
}
