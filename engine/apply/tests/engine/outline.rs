//! The outline: references between blocks.

use std::fmt::Write;

use ha_plan::{PlanMode, outline};
use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[test]
fn the_outline_shows_references() {
    let project = Project::new();
    let text = r#"
        provider "mock" {
          region = var.region
        }
        variable "region" {
          default = "one"
        }
        resource "thing" "a" {
          name = local.name
        }
        locals {
          name = "a"
        }
        module "m" {
          source     = "./inner"
          count      = length(local.name)
          of         = thing.a.id
          depends_on = [data.fact.it]
        }
        data "fact" "it" {
          key = "x"
        }
        resource "thing" "b" {
          name       = module.m[0].name
          depends_on = [module.m]
        }
        output "all" {
          value = module.m
        }
=== inner/main.hcl
        variable "of" {}
        resource "thing" "in" {
          name = var.of
        }
        output "name" {
          value = thing.in.name
        }
"#;
    let request = project.request(text, PlanMode::Normal).expect("the text is right");
    let outline =
        outline(&request.configuration, &project.engine().schemas).expect("there is no circle");
    let mut shown = String::new();
    for (place, node) in outline.nodes.iter().enumerate() {
        let earlier = outline
            .edges
            .iter()
            .filter(|(later, _)| *later == place)
            .map(|(_, it)| outline.nodes[*it].address.as_str());
        let earlier: Vec<&str> = earlier.collect();
        writeln!(shown, "{:?} {} -> {}", node.kind, node.address, earlier.join(", "))
            .expect("a string takes more");
    }
    assert_data_eq!(
        shown,
        str![[r#"
Variable var.region -> 
Provider provider.mock -> var.region
Local local.name -> 
Resource thing.a -> provider.mock, local.name
Data data.fact.it -> provider.mock
Module module.m -> local.name, data.fact.it
Variable module.m.var.of -> thing.a, module.m
Resource module.m.thing.in -> provider.mock, module.m, module.m.var.of
Output module.m.output.name -> module.m, module.m.thing.in
ModuleOutputs module.m -> module.m, module.m.output.name
ModuleEnd module.m -> module.m, module.m.thing.in, module.m
Resource thing.b -> provider.mock, module.m.output.name, module.m
Output output.all -> module.m

"#]]
    );
}
