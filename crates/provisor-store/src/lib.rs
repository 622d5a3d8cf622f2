//! The memory of Provisor.
