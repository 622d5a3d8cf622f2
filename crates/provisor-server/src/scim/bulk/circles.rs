//! Circles of references in a job: their creations stay together or not at all.

use provisor_store::Change;
use scim::bulk::Plan;

/// What an operation created, until its circle is whole.
pub(super) struct Half {
    pub(super) operation: usize,
    pub(super) location: String,
    /// Takes it back.
    pub(super) undo: Change,
}

/// How far each circle is. An operation outside of circles is a circle by itself.
pub(super) struct Circles {
    /// The circle of each operation.
    of: Vec<usize>,
    /// By circle: how many steps it has.
    steps: Vec<usize>,
    /// By circle: how many of its steps are not carried out yet.
    due: Vec<usize>,
    /// By circle: the operation that it broke at.
    broken: Vec<Option<usize>>,
    halves: Vec<Half>,
}

impl Circles {
    pub(super) fn of(plan: &Plan) -> Self {
        let count = plan.circles.len();
        let mut due = vec![0; count];
        for step in &plan.steps {
            due[plan.circles[step.operation()]] += 1;
        }
        Self {
            of: plan.circles.clone(),
            steps: due.clone(),
            due,
            broken: vec![None; count],
            halves: Vec::new(),
        }
    }

    /// True if the operation's circle needs further steps than this one.
    pub(super) fn is_part(&self, operation: usize) -> bool {
        self.steps[self.of[operation]] > 1
    }

    /// One more step of the operation is carried out. True if its circle needs further ones.
    pub(super) fn advance(&mut self, operation: usize) -> bool {
        let due = &mut self.due[self.of[operation]];
        *due -= 1;
        *due > 0
    }

    pub(super) fn keep(&mut self, half: Half) {
        self.halves.push(half);
    }

    /// A step of the operation failed, and so its circle.
    pub(super) fn fail(&mut self, operation: usize) {
        self.broken[self.of[operation]].get_or_insert(operation);
    }

    /// Which operation the circle of this one broke at.
    pub(super) fn broken_at(&self, operation: usize) -> Option<usize> {
        self.broken[self.of[operation]]
    }

    /// The job is over: what is not whole will never be.
    pub(super) fn end(&mut self) {
        for (operation, circle) in self.of.iter().enumerate() {
            if self.due[*circle] > 0 {
                self.broken[*circle].get_or_insert(operation);
            }
        }
    }

    /// What broken circles have created; each half is given once.
    pub(super) fn take_halves(&mut self) -> Vec<Half> {
        let (of, broken) = (&self.of, &self.broken);
        self.halves
            .extract_if(.., |half| broken[of[half.operation]].is_some())
            .collect()
    }
}
