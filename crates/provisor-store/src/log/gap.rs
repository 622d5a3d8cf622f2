//! What the log does not know, and how it says so.

/// Why something may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum GapKind {
    /// The server was stopped in order and did not listen.
    Stopped = 1,
    /// The server ended without saying so: from the last moment known to be complete to its start.
    Crashed = 2,
    /// Entries were dropped: the queue was full or the file could not be written.
    Dropped = 3,
    /// Names in counted requests were dropped for the same reasons.
    NamesDropped = 4,
    /// Reads beyond the rate: counted, without bodies; their names are indexed.
    Counted = 5,
    /// Older entries are gone: their time was over.
    Retention = 6,
    /// Older entries are gone: the file had reached its size.
    Size = 7,
    /// The file was damaged and put aside; a new one was begun.
    Replaced = 8,
}

impl GapKind {
    const ALL: [GapKind; 8] = [
        Self::Stopped,
        Self::Crashed,
        Self::Dropped,
        Self::NamesDropped,
        Self::Counted,
        Self::Retention,
        Self::Size,
        Self::Replaced,
    ];

    /// Name in API and CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
            Self::Dropped => "dropped",
            Self::NamesDropped => "names_dropped",
            Self::Counted => "counted",
            Self::Retention => "retention",
            Self::Size => "size",
            Self::Replaced => "replaced",
        }
    }

    /// True if a name could have been sent in it without leaving a trace. A stopped server
    /// received nothing, and counted reads have their names indexed.
    pub fn hides_names(self) -> bool {
        !matches!(self, Self::Stopped | Self::Counted)
    }

    /// True if everything before its end is gone, so that the window begins there.
    pub fn is_cut(self) -> bool {
        matches!(self, Self::Retention | Self::Size | Self::Replaced)
    }

    pub(super) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == code)
    }
}

/// One hole in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub kind: GapKind,
    /// Its beginning, in milliseconds since 1970.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// How many requests or names are missing, where it is known.
    pub count: Option<u64>,
}

/// The time the log speaks for, and every hole in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// From here, in milliseconds since 1970: the file was made, or what was older was removed.
    pub from: i64,
    /// To here: the last moment known to be complete.
    pub to: i64,
    /// By beginning. A [cut](GapKind::is_cut) that ends at `from` is no hole in the window: it
    /// says why it does not begin earlier.
    pub gaps: Vec<Gap>,
}

impl Window {
    /// True if "never sent" may be said of a name that is not found: no hole in the window could
    /// hide it. Otherwise it was only "not seen".
    pub fn is_proof(&self) -> bool {
        !self.gaps.iter().any(|gap| self.is_hole(gap))
    }

    /// True if a name could have been sent in this gap of the window without leaving a trace.
    pub fn is_hole(&self, gap: &Gap) -> bool {
        gap.kind.hides_names() && !(gap.kind.is_cut() && gap.to <= self.from)
    }
}
