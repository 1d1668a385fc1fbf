from sennit.engine.draft import Draft as Draft
