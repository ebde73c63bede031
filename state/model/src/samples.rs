//! Records and intents for tests.

use ha_value::{Action, Object, Value};

use crate::{Intent, ProviderName, Record};

/// A record of an instance at this address; its password is `canary-ID`.
pub fn record(address: &str, id: &str) -> Record {
    Record {
        address: address.parse().expect("samples have addresses"),
        provider: ProviderName::new("fake"),
        id: id.to_owned(),
        arguments: Object::from([
            ("name".into(), Value::from(id)),
            ("password".into(), Value::from(format!("canary-{id}")).sensitive()),
        ]),
        configured: ["name".into(), "password".into()].into(),
        outputs: Object::from([("arn".into(), Value::from(format!("arn:fake:{id}")))]),
        dependencies: ["a.other".parse::<ha_value::Address>().expect("this is one").block]
            .into_iter()
            .collect(),
        tainted: false,
        create_before_destroy: false,
        prevent_destroy: false,
        timeouts: Default::default(),
        version: 0,
    }
}

/// The intent of a step that creates an instance at this address.
pub fn intent(attempt: u64, address: &str) -> Intent {
    let Record { arguments, configured, provider, dependencies, .. } = record(address, "planned");
    Intent {
        attempt,
        address: address.parse().expect("samples have addresses"),
        action: Action::Create,
        token: format!("{attempt:032x}"),
        provider,
        arguments,
        configured,
        dependencies,
        create_before_destroy: false,
        prevent_destroy: false,
        deposed: None,
    }
}
