//! The path gateway against the sentences of its specifications (specs.ipfs.tech: path, subdomain, DNSLink and trustless
//! gateways, web redirects files, and the IPIPs that they were changed by), with blocks and names in memory.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod files;
mod folders;
mod formats;
mod hosts;
mod names;
mod rules;
mod support;
mod values;
