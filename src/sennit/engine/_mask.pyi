from sennit.engine.mask import apply_mask as apply_mask
