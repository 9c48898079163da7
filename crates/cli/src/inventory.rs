//! `stilt inventory`: services and endpoints that were seen.

use crate::args::{Inventory as Asked, InventoryShape};
use crate::commands::{Done, Ran, go, options_of};
use crate::inventory_agents;
use crate::inventory_table;
use crate::say;
use crate::talk::Failure;
use std::collections::BTreeSet;
use stilt_engine::Options;
use stilt_inventory::{Known, openapi, report};

/// Runs the captures and shows what was learned of services and endpoints.
pub(crate) fn show(asked: &Asked) -> Done {
    let options = Options { inventory: true, ..options_of(&asked.input) };
    let Ran { collected, code, .. } = go(&asked.input, &options)?;
    let Some(inventory) = collected.inventory else { return Ok(code) };
    // One service was asked for: agents are of none.
    let agents = collected.agents.filter(|_| asked.service.is_none());
    let known = inventory.known();
    let services: BTreeSet<&str> = known.iter().map(|known| &*known.endpoint.service).collect();
    let asked_of = asked.service.as_deref().map(|name| {
        // A host that is served together with others is found by its own name, too.
        let joined = inventory.service_of(name).filter(|_| !services.contains(name));
        joined.map_or_else(|| name.to_owned(), |joined| joined.to_string())
    });
    if let Some(name) = asked_of.as_deref()
        && !services.contains(name)
    {
        return Err(Failure::Usage(format!(
            "no endpoint of a service `{name}` was seen; there are: {}",
            listed(&services)
        )));
    }
    let wanted = |known: &&Known<'_>| {
        asked_of.as_deref().is_none_or(|name| *known.endpoint.service == *name)
    };
    let known: Vec<Known<'_>> = known.iter().filter(wanted).copied().collect();
    match asked.format {
        InventoryShape::Table => {
            let width = inventory_table::width();
            say::out(&inventory_table::write(&known, inventory.refused(), width))?;
            if let Some(agents) = agents {
                say::out(&inventory_agents::write(&agents))?;
            }
        }
        InventoryShape::Json => {
            for one in known {
                say::out(&format!("{}\n", report::endpoint(one)))?;
            }
            for one in agents.iter().flat_map(inventory_agents::records) {
                say::out(&format!("{one}\n"))?;
            }
        }
        InventoryShape::Openapi => {
            let service = match (asked_of.as_deref(), services.len()) {
                (Some(name), _) => name,
                (None, 0 | 1) => services.first().copied().unwrap_or_default(),
                (None, _) => {
                    return Err(Failure::Usage(format!(
                        "an OpenAPI document is about one service: name it with --service; seen \
                         were {}",
                        listed(&services)
                    )));
                }
            };
            if known.is_empty() {
                return Err(Failure::Usage(
                    "no endpoint was seen to answer, so that there is nothing to write a document \
                     of; `stilt doctor` says what keeps HTTP from being seen"
                        .to_owned(),
                ));
            }
            let options = openapi::Options { examples: asked.examples };
            say::out(&format!("{:#}\n", openapi::write(service, &known, options)))?;
        }
    }
    Ok(code)
}

fn listed(services: &BTreeSet<&str>) -> String {
    let all: Vec<&str> = services.iter().copied().take(20).collect();
    let more = if services.len() > all.len() { ", …" } else { "" };
    if all.is_empty() { "none".to_owned() } else { format!("{}{more}", all.join(", ")) }
}
