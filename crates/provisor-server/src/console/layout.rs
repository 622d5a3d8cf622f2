//! What is around every page: navigation, looks, messages; and the parts that pages share.

use super::{Action, asked::Asked, assets, fields::Fields, search, session, visit::Viewer};

/// A place in the navigation.
struct Place {
    group: &'static str,
    label: &'static str,
    path: &'static str,
    /// After `g`, the key that leads there.
    key: char,
    /// The path of a 16 × 16 icon, drawn with a pen.
    icon: &'static str,
    action: Action,
}

/// The navigation, in order. A page gets its line when it exists.
const PLACES: &[Place] = &[
    Place {
        group: "",
        label: "Overview",
        path: "/",
        key: 'o',
        icon: "M2 9l6-6 6 6M4 8v6h8V8",
        action: Action::SeeDirectory,
    },
    Place {
        group: "",
        label: "Connections",
        path: "/connections",
        key: 'c',
        icon: "M6 10l4-4M7 4l1-1a3 3 0 014 4l-1 1M9 12l-1 1a3 3 0 01-4-4l1-1",
        action: Action::SeeDirectory,
    },
    Place {
        group: "",
        label: "Users",
        path: "/users",
        key: 'u',
        icon: "M8 8a2.500 2.500 0 100-5 2.500 2.500 0 000 5zM3 14a5 5 0 0110 0",
        action: Action::SeeDirectory,
    },
    Place {
        group: "",
        label: "Teams",
        path: "/teams",
        key: 't',
        icon: "M6 7.500a2 2 0 100-4 2 2 0 000 4zM2 13a4 4 0 018 0M11 8a2 2 0 100-4M11.500 10a3.500 3.500 0 013 3",
        action: Action::SeeDirectory,
    },
    Place {
        group: "Observe",
        label: "Sync log",
        path: "/log",
        key: 'l',
        icon: "M3 4h10M3 8h10M3 12h6",
        action: Action::SeeDirectory,
    },
    Place {
        group: "Observe",
        label: "Why",
        path: "/why",
        key: 'w',
        icon: "M5.500 6a2.500 2.500 0 115 0c0 2-2.500 2-2.500 4M8 12.500v.5",
        action: Action::SeeDirectory,
    },
    Place {
        group: "Configure",
        label: "Tenants",
        path: "/tenants",
        key: 'n',
        icon: "M3 14V3h6v11M9 7h4v7M1.500 14h13M5 6h2M5 9h2M11 10h.5",
        action: Action::SeeDirectory,
    },
    Place {
        group: "Configure",
        label: "Targets",
        path: "/targets",
        key: 'p',
        icon: "M2 8h9M8 4.500L11.500 8 8 11.500M14 3v10",
        action: Action::SeeDirectory,
    },
    Place {
        group: "Configure",
        label: "API tokens",
        path: "/tokens",
        key: 'k',
        icon: "M7.5 10a2.5 2.5 0 11-5 0 2.500 2.500 0 015 0zM7 8l6-6M10.500 4.500l2 2",
        action: Action::SeeTokens,
    },
    Place {
        group: "Configure",
        label: "Audit",
        path: "/audit",
        key: 'a',
        icon: "M8 2v5l3 2M14 8a6 6 0 11-12 0 6 6 0 0112 0z",
        action: Action::SeeAudit,
    },
    Place {
        group: "Configure",
        label: "Simulator",
        path: "/simulator",
        key: 'm',
        icon: "M6.500 5.500l4 2.500-4 2.500zM14 8a6 6 0 11-12 0 6 6 0 0112 0z",
        action: Action::SeeDirectory,
    },
    Place {
        group: "Configure",
        label: "API",
        path: "/api",
        key: 'd',
        icon: "M5 4L1.500 8 5 12M11 4l3.500 4L11 12M9 3L7 13",
        action: Action::SeeDirectory,
    },
    Place {
        group: "Configure",
        label: "Settings",
        path: "/settings",
        key: 's',
        icon: "M2 5h7M13 5h1M2 11h1M7 11h7M11 3v4M5 9v4",
        action: Action::OwnAccount,
    },
];

/// The frame of a page.
pub(crate) struct Layout {
    pub(crate) title: String,
    /// `light` or `dark`; `None`: as the system has it.
    pub(crate) theme: Option<&'static str>,
    /// Keys without Ctrl or ⌘ do something.
    pub(crate) has_keys: bool,
    pub(crate) csrf: String,
    pub(crate) flash: Option<Flash>,
    /// The page is of a tenant whose people are made up.
    pub(crate) simulated: Option<Simulated>,
    pub(crate) viewer: Option<Shown>,
    pub(crate) groups: Vec<Group>,
    /// Path and query, to come back to.
    pub(crate) here: String,
    /// There are pages that the search box leads to.
    pub(crate) can_search: bool,
    pub(crate) css: &'static str,
    pub(crate) js: &'static str,
    pub(crate) version: &'static str,
}

/// Who is signed in, as the frame shows it.
pub(crate) struct Shown {
    pub(crate) email: String,
    pub(crate) role: &'static str,
}

/// The tenant of a simulation, as the frame shows it.
pub(crate) struct Simulated {
    pub(crate) key: String,
    pub(crate) may_clear: bool,
}

/// A group of the navigation.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) items: Vec<Item>,
}

/// A link of the navigation.
pub(crate) struct Item {
    pub(crate) label: &'static str,
    pub(crate) path: &'static str,
    pub(crate) key: char,
    pub(crate) icon: &'static str,
    pub(crate) is_current: bool,
}

impl Layout {
    pub(super) fn new(asked: &Asked, viewer: Option<&Viewer>, title: &str) -> Self {
        let path = asked.uri.path();
        let flash = session::cookie(&asked.headers, &asked.channel, "flash");
        let here = asked.uri.path_and_query().map_or("/", |here| here.as_str());
        Self {
            title: title.to_owned(),
            theme: session::cookie(&asked.headers, &asked.channel, "theme").and_then(theme),
            has_keys: has_keys(asked),
            csrf: session::csrf(&asked.secret),
            flash: flash.and_then(Flash::from_cookie),
            simulated: None,
            viewer: viewer.map(|viewer| Shown {
                email: viewer.person.email.clone(),
                role: viewer.person.role.as_str(),
            }),
            groups: viewer
                .map(|viewer| groups(viewer, path))
                .unwrap_or_default(),
            here: here.to_owned(),
            can_search: search::is_possible(),
            css: assets::url("app.css"),
            js: assets::url("app.js"),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// A theme by its name.
pub(crate) fn theme(name: &str) -> Option<&'static str> {
    ["light", "dark"].into_iter().find(|known| *known == name)
}

/// True unless this browser's user has switched single keys off.
pub(crate) fn has_keys(asked: &Asked) -> bool {
    session::cookie(&asked.headers, &asked.channel, "keys") != Some("off")
}

fn groups(viewer: &Viewer, path: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for place in PLACES.iter().filter(|place| viewer.may(place.action)) {
        let inside = place.path != "/"
            && path
                .strip_prefix(place.path)
                .is_some_and(|rest| rest.starts_with('/'));
        let item = Item {
            label: place.label,
            path: place.path,
            key: place.key,
            icon: place.icon,
            is_current: path == place.path || inside,
        };
        match groups.last_mut().filter(|group| group.title == place.group) {
            Some(group) => group.items.push(item),
            None => groups.push(Group {
                title: place.group,
                items: vec![item],
            }),
        }
    }
    groups
}

/// A message shown once, on the page after a change.
#[derive(Debug, Clone)]
pub(crate) struct Flash {
    pub(crate) is_error: bool,
    pub(crate) text: String,
}

impl Flash {
    /// Something was done. The text holds no secret: it travels in a cookie.
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self {
            is_error: false,
            text: text.into(),
        }
    }

    /// Something was not done.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self {
            is_error: true,
            text: text.into(),
        }
    }

    pub(super) fn to_cookie(&self) -> String {
        let kind = if self.is_error { "e" } else { "d" };
        let text: String = self.text.chars().take(500).collect();
        form_urlencoded::byte_serialize(format!("{kind}{text}").as_bytes()).collect()
    }

    fn from_cookie(value: &str) -> Option<Self> {
        let fields = Fields::parse(format!("m={value}").as_bytes());
        let text = fields.raw("m");
        let kind = text.chars().next()?;
        Some(Self {
            is_error: kind == 'e',
            text: text[kind.len_utf8()..].to_owned(),
        })
    }
}

/// A question before something that cannot be undone.
pub(crate) struct Confirm {
    pub(crate) title: String,
    /// What will happen, one sentence each.
    pub(crate) consequences: Vec<String>,
    /// The words of the button.
    pub(crate) button: String,
    /// Where "Cancel" leads.
    pub(crate) back: String,
    /// What must be typed (field `typed`), if it is that dangerous.
    pub(crate) typed: Option<String>,
    /// What was wrong with the last try.
    pub(crate) error: Option<String>,
}

/// Where the neighbours of a page of a list are.
#[derive(Default)]
pub(crate) struct Pager {
    /// The first page, if this is not it.
    pub(crate) first: Option<String>,
    /// The next page, if there is one.
    pub(crate) next: Option<String>,
}

impl Pager {
    /// Of a list whose query has the place of a page in `after`.
    pub(crate) fn new(path: &str, query: &Fields, next: Option<&str>) -> Self {
        let link = |after: &str| format!("{path}?{}", query.with("after", after));
        Self {
            first: query.given("after").map(|_| link("")),
            next: next.map(link),
        }
    }

    /// True if there is anything to show.
    pub(crate) fn is_needed(&self) -> bool {
        self.first.is_some() || self.next.is_some()
    }
}
