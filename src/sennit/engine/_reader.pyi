from sennit.engine.reader import Reader as Reader
