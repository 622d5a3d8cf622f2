//! Whose a resource of the target is: two of the source must not share one, and who left the source needs none.

use provisor_store::{
    TargetChange,
    target::{Kind, Report, TargetObject},
};

use super::{Run, lock};
use crate::outbound::{settings::Deprovision, trouble::Trouble};

/// What became of the link of one who left the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::outbound) enum Inheritance {
    /// Its holder is in the source.
    Refused,
    /// That its holder left is pushed first; then the heir is looked at once more.
    Later,
    /// It is the heir's, with these attributes of the former holder's in it.
    Given { names: String },
}

impl Run {
    /// Takes an id in the target for one of the source; false if it is taken already.
    pub(in crate::outbound) async fn claim(
        &self,
        object: &TargetObject,
        remote: &str,
    ) -> Result<bool, Trouble> {
        let holder = self.holder(object, remote).await?;
        Ok(holder.is_none() && self.take(object, remote))
    }

    /// Takes the id in the target of a user who is not in the source any more for one who is: whoever comes back has
    /// another id in the source, and the same name.
    pub(in crate::outbound) async fn inherit(
        &self,
        heir: &TargetObject,
        remote: &str,
    ) -> Result<Inheritance, Trouble> {
        // Teams that left are deleted in the target, and a name is not theirs alone.
        if heir.kind != Kind::User {
            return Ok(Inheritance::Refused);
        }
        let Some(mut former) = self.holder(heir, remote).await? else {
            return Ok(Inheritance::Refused);
        };
        let found = self
            .source
            .load(Kind::User, std::slice::from_ref(&former.local))
            .await?;
        if found.iter().any(Option::is_some) {
            return Ok(Inheritance::Refused);
        }
        // A worker may be taking the access away just now.
        if former.due.is_some_and(|due| due <= self.wish.clock.now()) {
            self.mark(Kind::User, vec![heir.local.clone()], false)
                .await?;
            lock(&self.waiting).push(heir.local.clone());
            return Ok(Inheritance::Later);
        }
        // What is to be deleted there is nobody's to have.
        let is_to_go = self.settings.deactivate && self.settings.deprovision == Deprovision::Delete;
        if is_to_go || !self.take(heir, remote) {
            return Ok(Inheritance::Refused);
        }
        let mut heir = heir.clone();
        (heir.remote, heir.sent) = (former.remote.take(), None);
        // What the former was sent and the heir has not goes.
        let names = former.names.clone();
        heir.names.clone_from(&names);
        let mut gone = Report::of(former);
        gone.gone = true;
        let (id, reports) = (self.target.id, vec![gone, Report::of(heir)]);
        self.write(TargetChange::Report { id, reports }).await?;
        Ok(Inheritance::Given { names })
    }

    /// Whether another one of the source is linked to an id in the target.
    pub(in crate::outbound) async fn is_linked(
        &self,
        object: &TargetObject,
        remote: &str,
    ) -> Result<bool, Trouble> {
        let is_claimed = lock(&self.claimed).contains(&(object.kind, remote.to_owned()));
        Ok(is_claimed || self.holder(object, remote).await?.is_some())
    }

    /// Another one of the source who is linked to an id in the target.
    pub(in crate::outbound) async fn holder(
        &self,
        object: &TargetObject,
        remote: &str,
    ) -> Result<Option<TargetObject>, Trouble> {
        let ids = [remote.to_owned()];
        let mut view = self.wish.store.read().await?;
        let holders = view
            .target_by_remote(self.place(), object.kind, &ids)
            .await?;
        let mut holders = holders.into_iter().flatten();
        Ok(holders.find(|holder| holder.local != object.local))
    }

    /// False if another one took it in this run.
    fn take(&self, object: &TargetObject, remote: &str) -> bool {
        lock(&self.claimed).insert((object.kind, remote.to_owned()))
    }
}
