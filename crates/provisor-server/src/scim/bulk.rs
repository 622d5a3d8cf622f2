//! `POST /Bulk`, RFC 7644 section 3.7.

use super::{
    Call,
    answer::{Failure, Reply},
};

pub(crate) async fn run(_call: &mut Call<'_>) -> Result<Reply, Failure> {
    Err(provisor_store::StoreError::Failed("not yet".into()).into())
}
