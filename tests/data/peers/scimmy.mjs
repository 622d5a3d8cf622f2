// A SCIM server of npm's scimmy and scimmy-routers, as their documentation sets it up, in memory.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);
let next = 0;

/** What a database takes; without it nothing would ever run beside something else. */
const database = () => new Promise((done) => setTimeout(done, 2));

/** The handlers that scimmy asks for: find, store, remove. */
function keep(Resource) {
    const stored = new Map();
    Resource.ingress(async (resource, data) => {
        await database();
        const id = resource.id ?? `r${++next}`;
        if (resource.id && !stored.has(id)) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
        const name = String(data.userName ?? "").toLowerCase();
        for (const [other, { data: known }] of stored) {
            if (name && other !== id && String(known.userName).toLowerCase() === name) {
                throw new SCIMMY.Types.Error(409, "uniqueness", "userName is taken");
            }
        }
        const now = new Date();
        const meta = { resourceType: Resource.name, created: stored.get(id)?.meta.created ?? now, lastModified: now };
        const plain = JSON.parse(JSON.stringify(data));
        stored.set(id, { data: plain, meta });
        return { ...plain, id, meta };
    });
    Resource.egress(async (resource) => {
        await database();
        const show = ([id, { data, meta }]) => ({ ...data, id, meta });
        if (!resource.id) {
            const all = [...stored].map(show);
            return resource.filter ? resource.filter.match(all) : all;
        }
        if (!stored.has(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        return show([resource.id, stored.get(resource.id)]);
    });
    Resource.degress(async (resource) => {
        if (!stored.delete(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
    });
}

SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser));
SCIMMY.Resources.declare(SCIMMY.Resources.Group);
keep(SCIMMY.Resources.User);
keep(SCIMMY.Resources.Group);

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("Authorization not detected!");
    },
}));
app.listen(Number(port), "127.0.0.1");
