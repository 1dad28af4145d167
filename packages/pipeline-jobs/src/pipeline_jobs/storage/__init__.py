"""Files, local and in remote stores: locations, reading, atomic writing, listing."""
