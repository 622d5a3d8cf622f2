//! The order of a job's operations.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use super::{
    Job, Method,
    references::{each_text, in_path},
};
use crate::{Error, value::shown};

/// What to do, in order. Each operation is in it once, and again if it has to be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// For each operation a number below their count, which it shares with those it is in a circle
    /// of references with. They are carried out together or not at all: when one of their steps
    /// fails or is never reached, what the others created is to be deleted again.
    pub circles: Vec<usize>,
}

/// One step; the number is the place of its operation in the request, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Answer the error.
    Refuse(usize, Error),
    /// Carry it out.
    Run(usize),
    /// Create the resource without the references to these `bulkId`s, which do not exist yet.
    CreateWithout(usize, HashSet<String>),
    /// Add those references.
    Complete(usize, HashSet<String>),
}

impl Step {
    /// The place of the operation in the request, from 0.
    pub fn operation(&self) -> usize {
        match self {
            Step::Refuse(index, _)
            | Step::Run(index)
            | Step::CreateWithout(index, _)
            | Step::Complete(index, _) => *index,
        }
    }
}

pub(super) fn plan(job: &Job) -> Plan {
    let count = job.operations.len();
    let creators = creators(job);
    let mut refused: Vec<Option<Error>> = Vec::with_capacity(count);
    // Which operations each one refers to.
    let mut refers: Vec<Vec<usize>> = Vec::with_capacity(count);
    for operation in &job.operations {
        let mut error = operation.method.as_ref().err().cloned();
        let mut to = Vec::new();
        let mut seen = HashSet::new();
        let mut see = |bulk_id: &str| match creators.get(bulk_id) {
            Some(&creator) => {
                if seen.insert(creator) {
                    to.push(creator);
                }
            }
            None => {
                error.get_or_insert_with(|| unknown(bulk_id));
            }
        };
        if operation.method.is_ok() {
            in_path(operation).into_iter().for_each(&mut see);
            if let Some(data) = &operation.data {
                each_text(data, &mut |_, bulk_id| {
                    bulk_id.into_iter().for_each(&mut see)
                });
            }
        }
        if error.is_some() {
            to.clear();
        }
        refused.push(error);
        refers.push(to);
    }

    // Inside a circle, references to its later members are left for later.
    let circle = circles(&refers);
    let omitted = |from: usize| {
        let circle = &circle;
        refers[from]
            .iter()
            .copied()
            .filter(move |&to| to >= from && circle[to] == circle[from])
    };
    let mut graph = Graph::new(count);
    // The operations of each circle that have to be completed.
    let mut incomplete = vec![Vec::new(); count];
    for from in 0..count {
        if omitted(from).next().is_some() {
            graph.completes[from] = true;
            graph.wait(Graph::complete(from), Graph::run(from));
            incomplete[circle[from]].push(from);
        }
    }
    for (from, refers) in refers.iter().enumerate() {
        let later: HashSet<usize> = omitted(from).collect();
        for &to in refers {
            if later.contains(&to) {
                graph.wait(Graph::complete(from), Graph::run(to));
                continue;
            }
            graph.wait(Graph::run(from), Graph::run(to));
            // Until a circle is complete, nobody outside can count on any of it.
            if circle[to] != circle[from] {
                for &member in &incomplete[circle[to]] {
                    graph.wait(Graph::run(from), Graph::complete(member));
                }
            }
        }
    }
    keep_order_by_resource(job, &mut graph);

    let steps = graph
        .in_order()
        .into_iter()
        .map(|node| {
            let index = node / 2;
            let bulk_ids = || {
                omitted(index)
                    .filter_map(|to| job.operations[to].bulk_id.clone())
                    .collect()
            };
            match &mut refused[index] {
                Some(error) => Step::Refuse(index, error.clone()),
                None if node == Graph::complete(index) => Step::Complete(index, bulk_ids()),
                None if graph.completes[index] => Step::CreateWithout(index, bulk_ids()),
                None => Step::Run(index),
            }
        })
        .collect();
    Plan {
        steps,
        circles: circle,
    }
}

/// Which operation creates each `bulkId`: the first POST that names it.
fn creators(job: &Job) -> HashMap<&str, usize> {
    let mut creators = HashMap::new();
    for (index, operation) in job.operations.iter().enumerate() {
        let posts = match operation.method {
            Ok(method) => method == Method::Post,
            Err(_) => operation.method_text.eq_ignore_ascii_case("POST"),
        };
        if posts && let Some(bulk_id) = &operation.bulk_id {
            creators.entry(bulk_id.as_str()).or_insert(index);
        }
    }
    creators
}

fn unknown(bulk_id: &str) -> Error {
    Error::invalid_value(format!(
        "No POST in this request has the bulkId \"{}\". Correct the reference, or add the operation that creates the resource.",
        shown(bulk_id)
    ))
}

/// Operations on one resource stay in the order they were sent (RFC 7644 section 3.7), and so does
/// one whose data names a resource with the next one on that resource.
fn keep_order_by_resource(job: &Job, graph: &mut Graph) {
    // From the last to the first: the next operation on each id.
    let mut next: HashMap<&str, usize> = HashMap::new();
    for (index, operation) in job.operations.iter().enumerate().rev() {
        if operation.method.is_err() {
            continue;
        }
        if let Some(data) = &operation.data {
            each_text(data, &mut |text, _| {
                if let Some(&later) = next.get(text) {
                    graph.wait(Graph::run(later), Graph::run(index));
                }
            });
        }
        if let Some(id) = &operation.id {
            if let Some(&later) = next.get(id.as_str()) {
                graph.wait(Graph::run(later), Graph::run(index));
            }
            next.insert(id, index);
        }
    }
}

/// Steps and what they wait for. The node `2i` is operation `i`, `2i + 1` its completion.
struct Graph {
    waiting: Vec<Vec<usize>>,
    blockers: Vec<usize>,
    completes: Vec<bool>,
}

impl Graph {
    fn new(count: usize) -> Self {
        Graph {
            waiting: vec![Vec::new(); count * 2],
            blockers: vec![0; count * 2],
            completes: vec![false; count],
        }
    }

    fn run(operation: usize) -> usize {
        operation * 2
    }

    fn complete(operation: usize) -> usize {
        operation * 2 + 1
    }

    fn wait(&mut self, node: usize, on: usize) {
        self.waiting[on].push(node);
        self.blockers[node] += 1;
    }

    /// Each node after all it waits for, otherwise in the order of the request.
    ///
    /// There is no circle left: POSTs wait only for POSTs and their completions, inside a circle of
    /// references only for earlier ones; others wait for those and what was sent before them.
    fn in_order(&self) -> Vec<usize> {
        let exists = |node: usize| node.is_multiple_of(2) || self.completes[node / 2];
        let mut blockers = self.blockers.clone();
        let mut ready: BinaryHeap<Reverse<usize>> = (0..blockers.len())
            .filter(|&node| exists(node) && blockers[node] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(blockers.len());
        while let Some(Reverse(node)) = ready.pop() {
            order.push(node);
            for &waiting in &self.waiting[node] {
                blockers[waiting] -= 1;
                if blockers[waiting] == 0 {
                    ready.push(Reverse(waiting));
                }
            }
        }
        order
    }
}

/// A number for each node, equal for nodes that reach each other (Kosaraju's algorithm).
fn circles(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut back = vec![Vec::new(); edges.len()];
    for (from, to) in edges.iter().enumerate() {
        for &to in to {
            back[to].push(from);
        }
    }
    let mut left = Vec::with_capacity(edges.len());
    let mut visited = vec![false; edges.len()];
    for start in 0..edges.len() {
        walk(start, edges, &mut visited, &mut |node| left.push(node));
    }
    let mut circle = vec![0; edges.len()];
    visited.fill(false);
    for &start in left.iter().rev() {
        walk(start, &back, &mut visited, &mut |node| circle[node] = start);
    }
    circle
}

/// Depth first from `start` over what is not visited yet; `leave` sees each node after its children.
fn walk(start: usize, edges: &[Vec<usize>], visited: &mut [bool], leave: &mut impl FnMut(usize)) {
    if std::mem::replace(&mut visited[start], true) {
        return;
    }
    let mut stack = vec![(start, 0)];
    while let Some((node, child)) = stack.last_mut() {
        match edges[*node].get(*child) {
            Some(&next) => {
                *child += 1;
                if !std::mem::replace(&mut visited[next], true) {
                    stack.push((next, 0));
                }
            }
            None => {
                leave(*node);
                stack.pop();
            }
        }
    }
}
