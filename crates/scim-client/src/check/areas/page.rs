//! Paging by index (RFC 7644 section 3.4.2.4).

use crate::check::{
    assertion::expect,
    catalog::{Check, check},
};

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "start_index_begins_at_1",
            "PAGE-001",
            "Take a startIndex below 1 for 1.",
            |c| {
                c.new_user().await?;
                let first = c.get("/Users?startIndex=1&count=1").await?;
                for start in ["0", "-5"] {
                    let reply = c.get(&format!("/Users?startIndex={start}&count=1")).await?;
                    expect(reply.ids()? == first.ids()?, || {
                        format!("startIndex={start} shows another page than 1")
                    })?;
                }
            }
        ),
        check!(
            "count_is_a_maximum",
            "PAGE-002",
            "Never send more than count.",
            |c| {
                let (filter, _) = c.nicked(&["a", "b", "c"]).await?;
                let list = c.listing(&filter).await?;
                let reply = c.get(&format!("{}count=2", list.path)).await?;
                expect(reply.list()?.len() <= 2, || {
                    format!(
                        "count=2 answered {} resources",
                        reply.list().map_or(0, <[_]>::len)
                    )
                })?;
            }
        ),
        check!(
            "a_negative_count_is_0",
            "PAGE-003",
            "Take a negative count for 0.",
            |c| {
                c.new_user().await?;
                let reply = c.get("/Users?count=-1").await?;
                expect(reply.list()?.is_empty() && reply.total()? > 0, || {
                    "count=-1 shows resources, or no total".to_owned()
                })?;
            }
        ),
        check!(
            "count_0_counts",
            "PAGE-004",
            "Answer count=0 with totalResults alone.",
            |c| {
                c.new_user().await?;
                let reply = c.get("/Users?count=0").await?;
                expect(reply.list()?.is_empty() && reply.total()? > 0, || {
                    "count=0 shows resources, or no total".to_owned()
                })?;
            }
        ),
        check!(
            "total_results_counts_all_matches",
            "PAGE-005",
            "Count all matches in totalResults, not the page.",
            |c| {
                let (filter, _) = c.nicked(&["a", "b", "c"]).await?;
                let list = c.listing(&filter).await?;
                let reply = c.get(&format!("{}count=1", list.path)).await?;
                list.has(&reply, 3)?;
            }
        ),
        check!(
            "past_the_end_is_an_empty_page",
            "PAGE-006",
            "Answer a startIndex past the end with an empty page.",
            |c| {
                c.new_user().await?;
                let reply = c.get("/Users?startIndex=9999999&count=5").await?;
                expect(reply.list()?.is_empty() && reply.total()? > 0, || {
                    "a page past the end shows resources, or no total".to_owned()
                })?;
            }
        ),
        check!(
            "a_count_is_a_number",
            "PAGE-007 CUR-010",
            "Answer 400 to a count that is no number.",
            |c| {
                c.get("/Users?count=abc").await?.refused(&[400])?;
            }
        ),
        check!(
            "start_index_is_echoed",
            "PAGE-008",
            "Send the startIndex of the page.",
            |c| {
                let (filter, _) = c.nicked(&["a", "b", "c"]).await?;
                let list = c.listing(&filter).await?;
                c.get(&format!("{}startIndex=2&count=1", list.path))
                    .await?
                    .status(&[200])?
                    .is("/startIndex", 2)?;
            }
        ),
        check!(
            "a_hundred_are_sent_if_asked",
            "PAGE-009 IOP-008",
            "Honour count up to 100.",
            |c| {
                let most = c.world.config["filter"]["maxResults"]
                    .as_u64()
                    .unwrap_or(100);
                expect(most == 0 || most >= 100, || {
                    format!("filter.maxResults is {most}")
                })?;
            }
        ),
    ]
}
