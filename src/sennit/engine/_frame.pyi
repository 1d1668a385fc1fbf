from sennit.engine.frame import encode_frame as encode_frame
