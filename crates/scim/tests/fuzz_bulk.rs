//! Whatever stands in a bulk request, each operation is planned once and no reference is left.

#[path = "fuzz/driver.rs"]
mod driver;

use scim::{
    Fired, Kind, Profile,
    bulk::{Job, References, Step},
    json,
};

const PIECES: &[&str] = &[
    "\"method\":\"POST\",",
    "\"method\":\"PATCH\",",
    "\"bulkId\":\"a\",",
    "\"bulkId:a\"",
    "\"bulkId:g\"",
    "\"bulkId:\"",
    "\"../Users/bulkId:a\"",
    "/Users/bulkId:a",
    "\"path\":\"/Groups\",",
    "\"data\":{},",
    "\"failOnErrors\":1,",
    "{\"method\":\"POST\",\"bulkId\":\"z\",\"path\":\"/Users\",\"data\":{\"manager\":\"bulkId:g\"}},",
    "null",
    "[]",
    "{}",
    "%2F",
];

// BULK-017, BULK-018, BULK-019
#[test]
fn bulk_never_panics_and_plans_each_operation_once() {
    driver::run("bulk", PIECES, |input| {
        let Ok(body) = json::parse_object(input) else {
            return;
        };
        for profile in [&Profile::GENERIC, &Profile::RFC] {
            match Job::read(&body, profile, 50, &mut Fired::default()) {
                Ok(job) => carry_out(&job),
                Err(error) => assert!(matches!(
                    error.kind,
                    Kind::InvalidSyntax | Kind::PayloadTooLarge
                )),
            }
        }
    });
}

fn carry_out(job: &Job) {
    let mut known = References::default();
    let mut first = vec![0; job.operations.len()];
    let mut open = vec![0; job.operations.len()];
    for step in job.plan().steps {
        let index = step.operation();
        match &step {
            Step::Complete(..) => open[index] -= 1,
            Step::CreateWithout(..) => {
                first[index] += 1;
                open[index] += 1;
            }
            _ => first[index] += 1,
        }
        let request = job.request(&step, &known);
        match (&request, &step) {
            (Ok(_), Step::Refuse(..)) => panic!("a refused operation became a request"),
            // Nothing fails here, so only what is refused drags others along.
            (Err(error), _) => assert_ne!(error.kind, Kind::Internal),
            _ => {}
        }
        let id = request.is_ok().then(|| format!("id{index}"));
        known.record(&job.operations[index], id.as_deref());
    }
    assert!(first.iter().all(|times| *times == 1), "{first:?}");
    assert!(open.iter().all(|left| *left == 0), "{open:?}");
}
