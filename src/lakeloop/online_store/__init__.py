"""Online stores: the newest gold rows per entity, where they are found within a request. Nobody else opens one."""
