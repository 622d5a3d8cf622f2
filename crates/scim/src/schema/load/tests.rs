use super::*;

#[test]
fn what_is_published_can_be_read_again() {
    for schema in Registry::builtin().schemas() {
        let published = schema.to_json();
        let read = Schema::from_json(&published).unwrap_or_else(|e| panic!("{}: {e}", schema.id));
        assert_eq!(read.to_json(), published);
    }
}
