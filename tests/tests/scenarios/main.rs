//! Scenarios on the whole tree: real processes, real sockets, real peers. Each test starts a tree of its own.

mod abuse;
mod behind_a_proxy;
mod browser;
mod by_hand;
mod crash;
mod damage;
mod first_comment;
mod folders;
mod gateways;
mod hostile_clients;
mod http_surface;
mod ingest;
mod ingest_client;
mod ipfs_away;
mod kept_answers;
mod kill_any_box;
mod kubo;
mod live;
mod openapi;
mod path_gateway;
mod readers;
mod servers;
mod side_by_side;
mod supervision;
mod tap;
mod two_servers;
