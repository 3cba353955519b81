"""The main job, told as it happens: back up, damage, plan, restore, prove. `make demo`."""

from atlas_gql.demo.story import run_demo

__all__ = ["run_demo"]
