//! Which files and environment variables belong to a configuration of each family.

use crate::source::{FileFamily, FileRole};

impl Default for FileFamily {
    /// The family of a directory that has no files yet.
    fn default() -> Self {
        Self::Ha
    }
}

impl FileFamily {
    /// The family of a file of a configuration; none for a file that is no part of one, such as
    /// `x.tftest.hcl`.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        match FileRole::from_file_name(name)? {
            FileRole::Primary(family) | FileRole::Override(family) => Some(family),
            FileRole::Beside => None,
        }
    }

    /// The file of values that is always read, without the `.json` that it may end in.
    #[must_use]
    pub fn values_file_name(self) -> &'static str {
        match self {
            FileFamily::Ha => "ha.hclvars",
            FileFamily::Terraform => "terraform.tfvars",
        }
    }

    /// The suffix of files of values, with its dot.
    #[must_use]
    pub fn values_suffix(self) -> &'static str {
        match self {
            FileFamily::Ha => ".hclvars",
            FileFamily::Terraform => ".tfvars",
        }
    }

    /// The prefix of environment variables that set variables of the configuration.
    #[must_use]
    pub fn variable_prefix(self) -> &'static str {
        match self {
            FileFamily::Ha => "HA_VAR_",
            FileFamily::Terraform => "TF_VAR_",
        }
    }

    /// The files of values that are read without `--var-file`, among the sorted names of all files
    /// of a directory. A value in a later file replaces one in an earlier file.
    #[must_use]
    pub fn automatic_values_files<'a>(self, names: &'a [String]) -> Vec<&'a str> {
        let all = || names.iter().map(String::as_str);
        let without_json = |name: &'a str| name.strip_suffix(".json").unwrap_or(name);
        let always = all().filter(|it| without_json(it) == self.values_file_name());
        let suffix = format!(".auto{}", self.values_suffix());
        always.chain(all().filter(|it| without_json(it).ends_with(&suffix))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_terraform_keeps_beside_a_configuration_have_no_family() {
        for (name, family) in [
            ("main.hcl", Some(FileFamily::Ha)),
            ("a.hcl.json", Some(FileFamily::Ha)),
            ("main.tf", Some(FileFamily::Terraform)),
            ("override.tf.json", Some(FileFamily::Terraform)),
            ("x.tftest.hcl", None),
            ("x.tfmock.hcl", None),
            ("x.tofutest.hcl", None),
            (".terraform.lock.hcl", None),
            ("main.tf~", None),
            ("#main.hcl#", None),
            ("terraform.tfvars.json", None),
        ] {
            assert_eq!(FileFamily::from_file_name(name), family, "{name}");
        }
    }

    #[test]
    fn values_files_are_read_in_terraforms_order() {
        let names = [
            "a.auto.tfvars",
            "b.auto.tfvars.json",
            "c.tfvars",
            "ha.hclvars",
            "terraform.tfvars",
            "terraform.tfvars.json",
        ];
        let names = names.map(str::to_owned);
        let expected =
            ["terraform.tfvars", "terraform.tfvars.json", "a.auto.tfvars", "b.auto.tfvars.json"];
        assert_eq!(FileFamily::Terraform.automatic_values_files(&names), expected);
        assert_eq!(FileFamily::Ha.automatic_values_files(&names), ["ha.hclvars"]);
    }
}
