//! The other end of the wire: a SCIM 2.0 client, an identity provider simulator, a conformance checker.
