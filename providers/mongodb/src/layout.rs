//! Where things lie on a machine: the guide's paths, below a root.

/// The paths of one mongod.
#[derive(Clone, Debug)]
pub(crate) struct FileLayout {
    root: String,
}

impl FileLayout {
    /// Paths below `root`; below `/` when it is empty.
    pub(crate) fn new(root: &str) -> Self {
        Self { root: root.trim_end_matches('/').to_owned() }
    }

    fn below(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    pub(crate) fn root(&self) -> &str {
        if self.root.is_empty() { "/" } else { &self.root }
    }

    /// mongod's configuration.
    pub(crate) fn conf(&self) -> String {
        self.below("/etc/mongod.conf")
    }

    /// Certificate and key in one file, for clients and for the other members alike.
    pub(crate) fn certificate(&self) -> String {
        self.below("/etc/mongodb/mongodb.pem")
    }

    /// The authority's certificate.
    pub(crate) fn authority(&self) -> String {
        self.below("/etc/mongodb/ca.pem")
    }

    /// What makes somebody's logrotate turn the log over.
    pub(crate) fn rotation(&self) -> String {
        self.below("/etc/logrotate.d/mongod")
    }

    pub(crate) fn data(&self) -> String {
        self.below("/mongo/data")
    }

    /// Holds mongod's process id while it runs, and after it was killed.
    pub(crate) fn lock(&self) -> String {
        self.below("/mongo/data/mongod.lock")
    }

    pub(crate) fn logs(&self) -> String {
        self.below("/mongo/logs")
    }

    pub(crate) fn log(&self) -> String {
        self.below("/mongo/logs/mongod.log")
    }

    /// Says which creation made what is here.
    pub(crate) fn marker(&self) -> String {
        self.below("/.ha")
    }

    /// The folders that are made before mongod starts, outer ones first.
    pub(crate) fn folders(&self) -> Vec<String> {
        ["/mongo", "/mongo/data", "/mongo/logs", "/etc", "/etc/mongodb", "/etc/logrotate.d"]
            .map(|it| self.below(it))
            .into()
    }
}
