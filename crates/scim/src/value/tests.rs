use serde_json::json;

use super::*;
use crate::Registry;

#[test]
fn a_plain_manager_is_wrapped() {
    let registry = Registry::builtin();
    let manager = registry.user().extensions[0]
        .schema
        .attribute("manager")
        .unwrap();
    let mut fired = Fired::default();
    let read = read(
        manager,
        json!("271"),
        "manager",
        &Profile::GENERIC,
        &mut fired,
    )
    .unwrap();
    assert_eq!(read, Some(json!({"value": "271"})));
}
