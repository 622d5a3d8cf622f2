//! The house of Provisor.
